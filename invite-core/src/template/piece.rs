//! The tree of a template, written flat: an `if` stands before its branches and `endif` closes it.
//!
//! Whoever makes a sequence of pieces keeps it well nested; so walking it needs no recursion.

use super::problem::Position;
use super::variable::Variable;

/// One step of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it stands: of the source, of the text part, or HTML.
    Text(String, Position),
    /// A variable's value.
    Show(Show),
    /// A link variable's value inside an attribute of HTML.
    Href(Variable),
    /// Tera of our own, in HTML; never of a customer's making.
    Own(&'static str),
    If(Condition, Position),
    Elif(Condition, Position),
    Else(Position),
    End(Position),
}

/// `{{ variable | filters }}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Show {
    pub(super) variable: Variable,
    pub(super) filters: Vec<Filter>,
    /// What stands there when the value is empty.
    pub(super) default: Option<String>,
    /// A space before the value, if there is a value: it goes when the value is empty.
    pub(super) space_before: bool,
    /// In HTML, whether the value, an address, can be followed.
    pub(super) followed: bool,
    pub(super) at: Position,
}

/// What may be done to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Upper,
    Lower,
    /// Of a moment, the day alone.
    Date,
}

impl Filter {
    /// Every filter's name; `default`, which takes a text, is kept in [`Show::default`].
    pub(super) const NAMES: [&'static str; 4] = ["upper", "lower", "date", "default"];
}

/// Any of several lists of which all must hold: `a and not b or c`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Condition(pub(super) Vec<Vec<Term>>);

/// A variable that must be set, or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) variable: Variable,
    pub(super) negated: bool,
}

impl Piece {
    /// Whether it belongs to an `if`.
    pub(super) const fn is_control(&self) -> bool {
        matches!(self, Self::If(..) | Self::Elif(..) | Self::Else(_) | Self::End(_))
    }

    /// Where a tag stands in the source.
    pub(super) const fn position(&self) -> Position {
        match self {
            Self::Text(_, at) | Self::If(_, at) | Self::Elif(_, at) | Self::Else(at) | Self::End(at) => *at,
            Self::Show(show) => show.at,
            Self::Href(_) | Self::Own(_) => Position::START,
        }
    }

    /// The `if` that a piece of our own making depends on.
    pub(super) fn if_set(variable: Variable, at: Position) -> Self {
        Self::If(Condition(vec![vec![Term { variable, negated: false }]]), at)
    }
}

impl Condition {
    fn holds(&self, is_set: &impl Fn(Variable) -> bool) -> bool {
        self.0.iter().any(|all| all.iter().all(|term| is_set(term.variable) != term.negated))
    }

    /// The variables that it asks for.
    pub(super) fn variables(&self) -> impl Iterator<Item = Variable> {
        self.0.iter().flatten().map(|term| term.variable)
    }
}

/// The texts and values that show when the variables of `is_set` have a value: each branch decided, in order.
pub(super) fn visible(pieces: &[Piece], is_set: impl Fn(Variable) -> bool) -> Vec<&Piece> {
    /// An `if` that is open: does its present branch show, and has one of its branches shown.
    struct Open {
        shows: bool,
        done: bool,
        outer: bool,
    }
    let mut open: Vec<Open> = Vec::new();
    let mut shows = true;
    let mut seen = Vec::new();
    for piece in pieces {
        match piece {
            Piece::If(condition, _) => {
                let holds = condition.holds(&is_set);
                open.push(Open { shows: holds, done: holds, outer: shows });
            }
            Piece::Elif(condition, _) => {
                if let Some(top) = open.last_mut() {
                    top.shows = !top.done && condition.holds(&is_set);
                    top.done |= top.shows;
                }
            }
            Piece::Else(_) => {
                if let Some(top) = open.last_mut() {
                    top.shows = !top.done;
                    top.done = true;
                }
            }
            Piece::End(_) => {
                if let Some(closed) = open.pop() {
                    shows = closed.outer;
                }
                continue;
            }
            Piece::Show(show) => {
                if shows && (is_set(show.variable) || show.default.is_some()) {
                    seen.push(piece);
                }
                continue;
            }
            Piece::Text(..) | Piece::Href(_) | Piece::Own(_) => {
                if shows {
                    seen.push(piece);
                }
                continue;
            }
        }
        shows = open.last().is_none_or(|top| top.outer && top.shows);
    }
    seen
}
