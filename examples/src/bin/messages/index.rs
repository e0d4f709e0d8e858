//! `index.html`: all messages on one page.

use std::fmt::Write as _;

use invite_core::template::sms::SmsSize;

use crate::Sample;

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>The built-in messages</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
details { border-top: 1px solid GrayText; }
summary { padding: .4rem; cursor: pointer; }
iframe { width: 100%; height: 44rem; border: 1px solid GrayText; }
</style>
<h1>The built-in messages</h1>
";

/// The page; it shows the files beside it.
pub(crate) fn page(samples: &[Sample]) -> String {
    let mut page = HEAD.to_owned();
    for sample in samples {
        let size = SmsSize::of(&sample.sms);
        let _ = writeln!(
            page,
            "<details><summary>{name}: <b>{subject}</b></summary>\n\
             <p>SMS ({units} units, {segments} segments): {sms}</p>\n\
             <p><a href=\"{name}.html\">HTML</a>, <a href=\"{name}.txt\">text</a>, <a href=\"{name}.eml\">as it is sent</a></p>\n\
             <iframe src=\"{name}.html\" loading=\"lazy\" title=\"{name}\"></iframe></details>",
            name = sample.name(),
            subject = escaped(&sample.email.subject),
            units = size.units,
            segments = size.segments,
            sms = escaped(&sample.sms),
        );
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
