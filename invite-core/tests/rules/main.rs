//! The 19 rules of what must always hold, each through the whole library: services, worker and store together.
//!
//! A test bears the number of its rule. The parts have rule tests of their own: the decision and the machines beside
//! their code, stores in the conformance suite, real crashes and several processes in the kill campaign.
#![allow(clippy::unwrap_used, reason = "a test says by panicking what it did not expect")]

mod house;
mod offers;
mod people;
mod population;
mod rule_01_consent;
mod rule_02_sso;
mod rule_03_self_exclusion;
mod rule_04_tenancy;
mod rule_05_secrets_that_work;
mod rule_06_secrets_that_stay_secret;
mod rule_07_nothing_lost;
mod rule_08_nothing_twice;
mod rule_09_fencing;
mod rule_10_one_clock;
mod rule_11_poison;
mod rule_12_configuration_faults;
mod rule_13_plan_is_outcome;
mod rule_14_idempotence;
mod rule_15_flat_memory;
mod rule_16_no_lock_out;
mod rule_17_acceptance;
mod rule_18_leaving;
mod rule_19_templates;
mod sources;
