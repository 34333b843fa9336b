package main

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/blake2b"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
)

// plain are paths that every client finds and downloads.
var plain = []string{
	"plain", "dir/file.txt", ".hidden", "dir/.hidden", "..two", "a..b/c", "ünï/😀", "u\u0308", "a b", " a", "a+b", "a&b=c", "a;b", "a:b", "x/c:d",
	`a"b`, "a'b", "a<b>", "a|b", "a^b", "a`b", "a{b}", "a[b]", "a*b", "a~b", "a@b", "a,b", "a$b", "a!b", "(a)", "-", "constructor",
	strings.Repeat("x", 200), strings.Repeat("0123456789/", 90) + "x",
}

// artifacts are what clients are asked for: the paths above, those of the
// documentation, and one artifact for each set of hashes there.
func artifacts(docs string) map[string]rstuf.ArtifactInfo {
	all := map[string]rstuf.ArtifactInfo{}
	for _, path := range plain {
		all[path] = describe(path)
	}
	for _, row := range table(docs, "path") {
		all[unquote(row[0])] = describe(unquote(row[0]))
	}
	for _, row := range table(docs, "hashes") {
		path := hashesPath(row[0])
		all[path] = rstuf.ArtifactInfo{Length: int64(len(path)), Hashes: hashes(row[0])}
	}
	return all
}

func unquote(text string) string {
	path, err := strconv.Unquote(text)
	if err != nil {
		panic("docs/clients.md: " + text + " is not a text in quotes")
	}
	return path
}

func hashesPath(names string) string { return "hashes/" + strings.ReplaceAll(names, ", ", "-") }

// hashes are the digests by these names of what their artifact holds.
func hashes(names string) map[string]string {
	digests := map[string]string{}
	for name := range strings.SplitSeq(names, ", ") {
		blake, err := blake2b.New256(nil)
		if err != nil {
			panic(err) // without a key there is none
		}
		h, known := map[string]hash.Hash{"sha384": sha512.New384(), "sha512": sha512.New(), "blake2b-256": blake, "sha1": sha1.New(), "md5": md5.New()}[name]
		if !known {
			h = sha256.New() // sha256, or a name that nobody knows
		}
		h.Write([]byte(hashesPath(names)))
		digests[name] = hex.EncodeToString(h.Sum(nil))
	}
	return digests
}

// checkDownloads compares what the clients could have with the documentation.
func checkDownloads(docs string, answers map[string]answer) error {
	said := func(path string) map[string]string {
		all := map[string]string{}
		for _, client := range clients {
			all[client] = answers[client].Downloads[path]
		}
		return all
	}
	var paths, sets []documented
	for _, path := range plain {
		paths = append(paths, documented{strconv.Quote(path), rules.Path(path) == "", said(path)})
	}
	for _, row := range table(docs, "path") {
		path := unquote(row[0])
		paths = append(paths, documented{row[0], rules.Path(path) == "", said(path)})
	}
	for _, row := range table(docs, "hashes") {
		artifact := rstuf.Artifact{Path: "a", Info: rstuf.ArtifactInfo{Length: 1, Hashes: hashes(row[0])}}
		sets = append(sets, documented{row[0], artifact.Validate() == nil, said(hashesPath(row[0]))})
	}
	return errors.Join(compare("path", docs, paths), compare("hashes", docs, sets))
}
