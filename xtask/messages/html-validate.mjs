// The rules for the HTML of an e-mail: all that html-validate recommends but these, each for its reason.
export default {
  root: true,
  extends: ["html-validate:recommended", "html-validate:document"],
  rules: {
    // Several mail programs drop <style>, so the styles stand at the elements.
    "no-inline-style": "off",
    // Outlook for Windows lays out by these, and reads little CSS.
    "no-deprecated-attr": "off",
    // The tables are layout, `role="presentation"`, where <tbody> would say nothing.
    "prefer-tbody": "off",
    // The title repeats the subject, and how long that is is the organisation's business.
    "long-title": "off",
  },
};
