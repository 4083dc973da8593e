"""Names that the five languages of the clients keep for themselves, as the generated code would spell them."""

import keyword
import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GO_METHODS = _words("Descriptor ProtoMessage ProtoReflect Reset String")
JAVA = _words("""
    abstract assert boolean break byte case catch char class const continue default do double else enum extends false final finally
    float for goto if implements import instanceof int interface long native new null package private protected public return short
    static strictfp super switch synchronized this throw throws transient true try void volatile while
""")
JAVA_TYPES = _words("Boolean Class Double Enum Exception Float Integer Iterable Long Object Override String Thread")
# Their getters are final in java.lang.Object or in the base of generated messages.
JAVA_FIELDS = _words("allFields defaultInstanceForType descriptorForType initializationErrorString serializedSize unknownFields")
TYPESCRIPT_TYPES = _words("Array Date Error Map Number Object Promise Set String Symbol")
# Fields are properties there, and a property may be a keyword; what every object has it may not be.
TYPESCRIPT_FIELDS = _words("constructor toJSON toJson toString valueOf")
RUST = _words("""
    abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let loop
    macro match mod move mut override priv pub ref return self static struct super trait true try type typeof unsafe unsized use
    virtual where while yield
""")
RUST_TYPES = _words("Box Default Err None Ok Option Result Self Some String Vec")
PYTHON = frozenset(keyword.kwlist)


def clashes_of_value(name: str) -> set[str]:
    """Languages in which a field or a oneof of this name clashes."""
    spellings = {
        "Go": _pascal(name) in GO_METHODS,
        "Java": _camel(name) in JAVA | JAVA_FIELDS,
        "Python": name in PYTHON,
        "Rust": name in RUST,
        "TypeScript": _camel(name) in TYPESCRIPT_FIELDS,
    }
    return {language for language, clash in spellings.items() if clash}


def clashes_of_type(name: str) -> set[str]:
    """Languages in which a message, an enum or a service of this name clashes."""
    spellings = {"Java": JAVA_TYPES, "Python": PYTHON, "Rust": RUST_TYPES, "TypeScript": TYPESCRIPT_TYPES}
    return {language for language, kept in spellings.items() if name in kept}


def clashes_of_method(name: str) -> set[str]:
    """Languages in which a method of this name clashes."""
    camel, snake = name[0].lower() + name[1:], re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    spellings = {"Java": camel in JAVA, "Python": name in PYTHON, "Rust": snake in RUST, "TypeScript": camel in TYPESCRIPT_FIELDS}
    return {language for language, clash in spellings.items() if clash}


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _camel(name: str) -> str:
    pascal = _pascal(name)
    return pascal[:1].lower() + pascal[1:]
