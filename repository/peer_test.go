package repository_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	peers "github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
)

// serverOf answers go-tuf from memory.
type serverOf map[string][]byte

func (s serverOf) DownloadFile(url string, most int64, _ time.Duration) ([]byte, error) {
	data, ok := s[url[strings.LastIndex(url, "/")+1:]]
	if !ok {
		return nil, &peers.ErrDownloadHTTP{StatusCode: http.StatusNotFound, URL: url}
	}
	if int64(len(data)) > most {
		return nil, errors.New("too large")
	}
	return data, nil
}

// theirs is what go-tuf makes of the files: the length of an artifact.
func theirs(files serverOf, root []byte, path string) (length int64, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	cfg, err := config.New("http://peer", root)
	if err != nil {
		return 0, err
	}
	cfg.Fetcher, cfg.DisableLocalCache = files, true
	peer, err := updater.New(cfg)
	if err != nil {
		return 0, err
	}
	if err := peer.Refresh(); err != nil {
		return 0, err
	}
	info, err := peer.GetTargetInfo(path)
	if err != nil {
		return 0, err
	}
	return info.Length, nil
}

// disagreements are why go-tuf makes something else of a mutation, by a part of
// its name. In none of them do we take what the specification forbids.
var disagreements = map[string]string{
	`/spec_version="`:    "go-tuf takes any version of the specification; clients take those of their own major version (section 4.1)",
	"/version=":          "go-tuf takes a timestamp version below 1; versions are greater than zero (section 4.3)",
	`/scheme="`:          "go-tuf goes by the type of a key alone, and so takes schemes that nobody knows",
	`/hashes/sha256="x"`: "go-tuf refuses the whole role for one hash that is not hex; here that artifact can't be downloaded",
	"/targets=<nil>":     "go-tuf takes null for an object",
	"/length=-1":         "go-tuf takes a negative length",
}

// TestAgainstGoTUF mutates every value of every role, has it signed rightly, and
// asks both what they make of it.
func TestAgainstGoTUF(t *testing.T) {
	m := makeRepository(t)
	dev := tuftest.Key(t, "dev")
	m.delegate("targets", rstuf.DelegatedRole{Name: "dev", Paths: []string{"dev/*"}}, dev, "dev/a")
	m.publish()
	const path = "dev/a"
	root := m.files["1.root.json"]
	require.NoError(t, func() error { _, err := theirs(m.files, root, path); return err }())
	compared, differ := 0, map[string]string{}
	for name, key := range map[string]*keys.Private{"timestamp.json": m.online, "2.snapshot.json": m.online, "1.targets.json": m.online, "1.dev.json": dev} {
		var document struct {
			Signed json.RawMessage `json:"signed"`
		}
		good := m.files[name]
		require.NoError(t, json.Unmarshal(good, &document))
		for _, mutation := range mutations(t, document.Signed) {
			form, err := canonical.Transform(mutation.text)
			if err != nil {
				continue // nobody can sign it
			}
			signature, err := key.Sign(t.Context(), form)
			require.NoError(t, err)
			m.put(name, fmt.Appendf(nil, `{"signatures":[{"keyid":%q,"sig":%q}],"signed":%s}`, key.Public().ID(), hex.EncodeToString(signature), mutation.text))
			compared++
			info, ourErr := m.reader(nil).Info(t.Context(), path)
			length, theirErr := theirs(m.files, root, path)
			if (ourErr == nil) != (theirErr == nil) || ourErr == nil && info.Length != length {
				differ[name+" "+mutation.name] = fmt.Sprintf("%v %v | %v %v", info.Length, ourErr, length, theirErr)
			}
		}
		m.put(name, good)
	}
	require.Greater(t, compared, 400)
	used := map[string]bool{}
	for mutation, what := range differ {
		explained := false
		for part := range disagreements {
			if strings.Contains(mutation, part) {
				explained, used[part] = true, true
			}
		}
		assert.True(t, explained, "%s: %s", mutation, what)
	}
	for part, why := range disagreements {
		assert.True(t, used[part], "go-tuf agrees by now: %s", why)
	}
}
