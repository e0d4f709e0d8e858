//! A database that goes away under a running worker: the worker waits and goes on, loses nothing, sends nothing twice, says
//! it once, and can be told to end.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod house;
mod lines;
mod unsteady;

use std::time::Duration;

use invite_core::model::delivery::DeliveryState;
use invite_core::policy::Policy;
use invite_core::port::error::PortErrorKind;
use tracing::Level;

use house::{House, PEOPLE};
use lines::Lines;
use unsteady::Fault;

/// Longer than a lease, so that what is held lapses.
const OUTAGE: Duration = Duration::from_mins(5);
/// Longer than a worker may take to go on and to say so.
const LATER: Duration = Duration::from_mins(30);

/// What a worker asks of the store while it sends.
const ASKED: [&str; 8] = ["claim", "renew", "begin", "record", "release", "waiting", "sweep", "organisation"];

/// The worker works while this fault comes and goes; what it said.
async fn through(methods: &[&'static str], fault: Fault) -> Lines {
    let house = House::new().await;
    let (lines, _told) = Lines::told();
    let worker = house.worker();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(house.arrived() > 0 && house.arrived() < PEOPLE, "{} had arrived", house.arrived());
    house.switch.set(methods, fault);
    tokio::time::sleep(OUTAGE).await;
    house.switch.mend();
    tokio::time::sleep(LATER).await;
    house.all_arrived_once().await;
    let report = worker.end().await.unwrap();
    // An outcome that was kept by a call whose answer was lost is not this worker's any more.
    assert_eq!((report.sent + report.fenced, report.unknown, report.not_kept), (PEOPLE as u64, 0, 0));
    lines
}

#[tokio::test(start_paused = true)]
async fn rule_07_with_a_store_that_is_gone_a_worker_waits_and_goes_on_and_says_so_twice() {
    let lines = through(&["*"], Fault::Fails(PortErrorKind::Unavailable)).await;
    let errors = lines.of(Level::ERROR);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("the store is not available") && errors[0].contains("Unavailable"),
        "{errors:?}"
    );
    assert_eq!(lines.of(Level::WARN), Vec::<String>::new());
    let infos = lines.of(Level::INFO);
    assert_eq!(infos.len(), 1, "{infos:?}");
    assert!(infos[0].contains("the store answers again"), "{infos:?}");
    let seconds: u64 = infos[0].split("away_seconds=").nth(1).unwrap().trim().parse().unwrap();
    assert!((OUTAGE.as_secs() - 20..=OUTAGE.as_secs()).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn with_a_store_that_cannot_be_written_to_a_worker_says_what_to_do_and_goes_on() {
    let writes = ["claim", "renew", "begin", "record", "release", "sweep", "reserve_sends"];
    let lines = through(&writes, Fault::Fails(PortErrorKind::NotWritable)).await;
    let errors = lines.of(Level::ERROR);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("make room") && errors[0].contains("read-only or full"), "{errors:?}");
    assert_eq!(lines.of(Level::INFO).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whatever_a_store_fails_to_do_a_worker_goes_on_when_it_does_it_again() {
    for method in ASKED {
        for kind in [PortErrorKind::Unavailable, PortErrorKind::NotWritable] {
            let lines = through(&[method], Fault::Fails(kind)).await;
            assert!(lines.of(Level::ERROR).len() <= 1, "{method}: {:?}", lines.of(Level::ERROR));
            assert!(lines.of(Level::INFO).len() <= 1, "{method}: {:?}", lines.of(Level::INFO));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_a_store_never_answers_a_worker_goes_on_when_it_answers_again() {
    for method in ASKED {
        let lines = through(&[method], Fault::Silent).await;
        assert!(lines.of(Level::ERROR).len() <= 1, "{method}: {:?}", lines.of(Level::ERROR));
        assert!(lines.of(Level::INFO).len() <= 1, "{method}: {:?}", lines.of(Level::INFO));
    }
    let lines = through(&["*"], Fault::Silent).await;
    let errors = lines.of(Level::ERROR);
    assert!(errors.len() == 1 && errors[0].contains("no answer within"), "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_08_what_a_store_did_without_saying_so_is_not_done_twice() {
    for method in ASKED {
        let lines = through(&[method], Fault::LosesAnswer).await;
        assert!(lines.of(Level::ERROR).len() <= 1, "{method}: {:?}", lines.of(Level::ERROR));
    }
}

#[tokio::test(start_paused = true)]
async fn people_that_are_kept_elsewhere_may_be_gone_too() {
    for fault in [Fault::Fails(PortErrorKind::Unavailable), Fault::Silent] {
        let lines = through(&["facts"], fault).await;
        let errors = lines.of(Level::ERROR);
        assert!(errors.len() == 1 && errors[0].contains("the people's database"), "{errors:?}");
        assert_eq!(lines.of(Level::INFO).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_somebody_has_to_mend_is_told_now_and_then_and_not_at_each_try() {
    let lines = through(&["claim"], Fault::Fails(PortErrorKind::Refused)).await;
    assert_eq!(lines.of(Level::ERROR).len(), 1, "{:?}", lines.of(Level::ERROR));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_told_to_end_ends_though_the_store_never_answers() {
    for method in ASKED.into_iter().chain(["*"]) {
        let house = House::new().await;
        let worker = house.worker();
        tokio::time::sleep(Duration::from_secs(30)).await;
        house.switch.set(&[method], Fault::Silent);
        tokio::time::sleep(Duration::from_secs(30)).await;
        let ended = tokio::time::timeout(Duration::from_mins(4), worker.end()).await;
        assert!(ended.is_ok(), "{method}: it works on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ends_in_an_outage_says_how_many_outcomes_are_not_kept() {
    let house = House::new().await;
    let worker = house.worker();
    tokio::time::sleep(Duration::from_secs(30)).await;
    house.switch.set(&["*"], Fault::Fails(PortErrorKind::Unavailable));
    tokio::time::sleep(Duration::from_mins(1)).await;
    let kept = house.sent().await;
    let not_kept = house.arrived() - kept;
    assert!(not_kept > 0);
    let told = tokio::time::Instant::now();
    let error = worker.end().await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable);
    assert!(error.to_string().contains(&format!("{not_kept} outcomes")), "{error}");
    assert!(told.elapsed() >= Policy::default().lease, "it tries as long as a lease stands");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ends_keeps_its_outcomes_where_the_store_comes_back_in_time() {
    let house = House::new().await;
    let worker = house.worker();
    tokio::time::sleep(Duration::from_secs(30)).await;
    house.switch.set(&["*"], Fault::Fails(PortErrorKind::Unavailable));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let arrived = house.arrived();
    let (end, ()) = tokio::join!(worker.end(), async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        house.switch.mend();
    });
    assert_eq!(end.unwrap().sent, arrived as u64);
    assert_eq!(house.sent().await, arrived);
}

#[tokio::test(start_paused = true)]
async fn one_outcome_that_the_store_refuses_keeps_no_other() {
    for kind in [PortErrorKind::Refused, PortErrorKind::Corrupt] {
        let house = House::new().await;
        let (lines, _told) = Lines::told();
        let bad = house.deliveries().await[3].id;
        house.switch.refuse_outcome(bad, kind);
        let worker = house.worker();
        tokio::time::sleep(Duration::from_mins(10)).await;
        house.switch.mend();
        let report = worker.end().await.unwrap();
        assert!(report.not_kept >= 1, "{report:?}");
        for delivery in house.deliveries().await {
            assert!(delivery.id == bad || delivery.state == DeliveryState::Sent, "{delivery:?}");
        }
        let errors = lines.of(Level::ERROR);
        assert!(
            !errors.is_empty() && errors.iter().all(|line| line.contains(&bad.to_string())),
            "{errors:?}"
        );
        assert!(!errors.iter().any(|line| line.contains('@')), "no address: {errors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_everything_is_waited_for() {
    // As when its password is changed while a worker runs.
    let lines = through(&["*"], Fault::Fails(PortErrorKind::Refused)).await;
    assert!(lines.of(Level::ERROR).len() <= ASKED.len(), "{:?}", lines.of(Level::ERROR));
}

#[tokio::test(start_paused = true)]
async fn a_worker_until_idle_ends_with_an_error_where_nothing_can_be_written() {
    let house = House::new().await;
    house.switch.set(&["claim"], Fault::Fails(PortErrorKind::NotWritable));
    let error = house.invites.worker().run_until_idle().await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::NotWritable);

    house.switch.mend();
    let worker = tokio::spawn(house.invites.worker().concurrency(8).run_until_idle());
    tokio::time::sleep(Duration::from_secs(10)).await;
    house.switch.set(&["record"], Fault::Fails(PortErrorKind::NotWritable));
    let error = tokio::time::timeout(LATER, worker).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::NotWritable);
    assert!(error.to_string().contains("are not kept"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_text_message_whose_beginning_got_no_answer_is_sent_and_not_unknown() {
    let house = House::with_texts().await;
    house.switch.set(&["begin"], Fault::LosesAnswer);
    let worker = house.worker();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(house.arrived(), 0);
    house.switch.mend();
    tokio::time::sleep(LATER).await;
    house.all_arrived_once().await;
    worker.end().await.unwrap();
}
