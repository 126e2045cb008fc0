//! What could not be carried over.

use flow_engine::source::Span;

/// Something that the descriptor does not say, though the document does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Why.
    pub reason: Reason,
    /// What, in the document's words.
    pub what: String,
    /// Where it stands.
    pub span: Span,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $words:literal;)+) => {
        /// Why something was left out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// A stable word for programs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Reason::$name => $word,)+
                }
            }

            /// What happened, for people.
            pub fn words(self) -> &'static str {
                match self {
                    $(Reason::$name => $words,)+
                }
            }
        }
    };
}

reasons! {
    /// A reference that leads nowhere, out of the document, or in a circle.
    Reference = "reference", "references that lead out of the document, nowhere or in a circle";
    /// A method that a descriptor does not have.
    Method = "method", "operations with a method that is not called";
    /// A path, a parameter or a body that cannot be written.
    Operation = "operation", "operations that cannot be called without something that was left out";
    /// A parameter whose form cannot be written.
    Parameter = "parameter", "parameters in a form that is not written (cookies, special delimiters, JSON in a query)";
    /// A server besides the first.
    Server = "server", "other servers: set `base_url` of a connection";
    /// An operation whose server is another than that of the document.
    OwnServer = "own_server", "operations of another server";
    /// A way of authentication that is not known.
    Security = "security", "ways of authentication that are not known";
    /// A token that is fetched in a way that needs a person.
    Flow = "flow", "tokens that a person must fetch: give one as a secret";
    /// An operation that asks for other credentials than the first of the document.
    OtherSecurity = "other_security", "operations with credentials of their own: set `auth` of a connection";
    /// A media type besides the one that was taken.
    Media = "media", "other media types of the same body or answer";
    /// An answer that is a success besides the one that was taken.
    Answer = "answer", "other answers that are successes";
    /// A schema whose parts cannot be written as one type.
    Schema = "schema", "schemas, or parts of them, that cannot be written as a type";
    /// Limits of values.
    Limits = "limits", "limits of values (lengths, ranges, patterns): the service checks them";
    /// A callback, a webhook or a link.
    Events = "events", "callbacks, webhooks and links";
}
