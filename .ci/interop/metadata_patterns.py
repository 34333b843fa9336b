"""Writes how python-tuf matches paths against patterns, as a test table:
a JSON list of [pattern, path, match]."""
import json
import random

from tuf.api.metadata import DelegatedRole

FIXED = [
    ("*", "a"), ("*", ""), ("*", "a/b"), ("*/*", "a/b"), ("*/", "a/"), ("", ""),
    ("a/*", "a/b.c"), ("a/*", "a/b/c"), ("a/*", "b/b"), ("*.tgz", "foo.tgz"),
    ("*.tgz", "a/foo.tgz"), ("foo-?.tgz", "foo-1.tgz"), ("foo-?.tgz", "foo-12.tgz"),
    ("?", "\u00fc"), ("??", "\u00fc"), ("?", "/"), ("[a-c]", "b"), ("[a-c]", "d"),
    ("[!a-c]", "d"), ("[!a-c]", "b"), ("[]]", "]"), ("[!]]", "]"), ("[!]", "[!]"),
    ("[", "["), ("[a", "[a"), ("[a-]", "-"), ("[-a]", "-"), ("[--a]", "."),
    ("[c-a]", "b"), ("[!c-a]", "b"), ("[a-c-e]", "d"), ("[a-c-e]", "-"), ("[]-a]", "_"),
    ("[!!]", "!"), ("[^a]", "a"), ("[^a]", "^"), ("[a/b]", "a"), ("a\\*", "a*"),
    ("a\\*", "a\\x"), ("A", "a"), (".*", ".a"), ("*", ".a"), ("**", "a"), ("a*b*c", "aXbXbc"),
    ("a*b*c", "aXbXb"), ("*a*a*a*a*b", "a" * 30), ("[\u00fc-\u00fe]", "\u00fd"), ("a?", "a\n"),
    ("[*]", "*"), ("[?]", "x"), ("a//b", "a//b"), ("a/*/b", "a//b"), ("/a", "/a"), ("/a", "a"),
]


def matches(pattern, path):
    role = DelegatedRole("x", [], 1, False, paths=[pattern])
    return role.is_delegated_path(path)


def main():
    rng = random.Random(1)
    cases = list(FIXED)
    for _ in range(600):
        pattern = "".join(rng.choice("ab*?/[]!-c") for _ in range(rng.randrange(1, 9)))
        path = "".join(rng.choice("abc/-]!") for _ in range(rng.randrange(0, 7)))
        cases.append((pattern, path))
    rows = [json.dumps([pattern, path, matches(pattern, path)]) for pattern, path in cases]
    print("[\n" + ",\n".join(rows) + "\n]")


main()
