package repository_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
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
	"example.org/rstuf/metadata"
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

// peer is what another client makes of a repository's files: the length of an
// artifact, or an error, also if there is no such artifact.
type peer func(files map[string][]byte, root []byte, path string) (length any, err error)

func goTUF(files map[string][]byte, root []byte, path string) (length any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	cfg, err := config.New("http://peer", root)
	if err != nil {
		return 0, err
	}
	cfg.Fetcher, cfg.DisableLocalCache = serverOf(files), true
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

// pythonTUF starts python-tuf's updater as a process that answers line by line.
func pythonTUF(t *testing.T) peer {
	cmd := exec.Command(*python, "testdata/python_tuf.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		require.NoError(t, cmd.Wait())
	})
	answers := json.NewDecoder(bufio.NewReader(out))
	return func(files map[string][]byte, root []byte, path string) (any, error) {
		question, err := json.Marshal(map[string]any{"files": files, "root": root, "path": path})
		require.NoError(t, err)
		_, err = io.WriteString(in, string(question)+"\n")
		require.NoError(t, err)
		var answer struct {
			Length any
			Error  string
		}
		require.NoError(t, answers.Decode(&answer))
		if answer.Error != "" {
			return 0, errors.New(answer.Error)
		}
		return answer.Length, nil
	}
}

var whole = flag.Bool("whole", false, "compare with peers in every repository, not in each fifth alone")

var python = flag.String("python-tuf", "", "a Python that has the package tuf, to compare with")

// subject is a repository whose documents are mutated.
type subject struct {
	*made
	path    string                     // of an artifact that is there
	signers map[string][]*keys.Private // by file
}

// subjects are repositories of each kind.
var subjects = map[string]func(t *testing.T) subject{
	"paths": func(t *testing.T) subject {
		m := makeRepository(t)
		dev := tuftest.Key(t, "dev")
		m.delegate("targets", rstuf.DelegatedRole{Name: "dev", Paths: []string{"dev/*"}}, dev, "dev/a")
		m.publish()
		return m.subject("dev/a", map[string][]*keys.Private{"1.dev.json": {dev}})
	},
	"hash bins": func(t *testing.T) subject {
		m := makeRepository(t)
		bins, err := metadata.NewHashBins(4)
		require.NoError(t, err)
		const path = "pkg/a"
		id := m.online.Public().ID()
		m.roles["targets"].Delegations = &metadata.Delegations{
			Keys: map[string]rstuf.Key{id: m.online.Public().Key()}, Succinct: bins.SuccinctRoles(id),
		}
		for i := range bins.Count() {
			m.roles[bins.Name(i)] = m.targets()
		}
		bin := bins.Name(bins.Index(path))
		m.roles[bin] = m.targets(path)
		m.publish()
		snapshot := m.files[m.name("snapshot", m.snapshot.Version)]
		m.timestamp.Meta["snapshot.json"] = described(m.snapshot.Version, snapshot)
		m.putTimestamp()
		return m.subject(path, map[string][]*keys.Private{"1." + bin + ".json": {m.online}})
	},
	"hash prefixes": func(t *testing.T) subject {
		m := makeRepository(t)
		const path = "pkg/b"
		digit := hexDigest(path)[:1]
		m.delegate("targets", rstuf.DelegatedRole{Name: "others", PathHashPrefixes: []string{digit + "zz", "00000"}, Terminating: true}, m.online)
		m.delegate("targets", rstuf.DelegatedRole{Name: "half", PathHashPrefixes: []string{"00000", digit}}, m.online, path)
		m.publish()
		return m.subject(path, map[string][]*keys.Private{"1.half.json": {m.online}})
	},
	"plain names, lengths and hashes": func(t *testing.T) subject {
		m := makeRepository(t)
		m.nextRoot(func(r *metadata.Root) { r.ConsistentSnapshot = false })
		const path = "pkg/b"
		m.roles["targets"] = m.targets(path)
		m.publish()
		m.snapshot.Meta["targets.json"] = described(1, m.files["targets.json"])
		m.putSnapshot()
		return m.subject(path, map[string][]*keys.Private{"2.root.json": {m.alice}})
	},
	"nested, thresholds, several types of keys": func(t *testing.T) subject {
		m := makeRepository(t)
		ecdsa, err := keys.Generate(keys.ECDSAP256, "ecdsa")
		require.NoError(t, err)
		rsa, err := keys.Generate(keys.RSA2048, "rsa")
		require.NoError(t, err)
		m.nextRoot(func(r *metadata.Root) {
			require.NoError(t, r.AddKey(ecdsa.Public()))
			require.NoError(t, r.AddKey(rsa.Public()))
			require.NoError(t, r.SetThreshold(2))
		}, ecdsa)
		const path = "a/b/c"
		m.delegate("targets", rstuf.DelegatedRole{Name: "empty", Paths: []string{"a/*/*"}}, ecdsa)
		m.delegate("targets", rstuf.DelegatedRole{Name: "outer", Paths: []string{"a/?/*", "z"}, Terminating: true}, rsa)
		m.delegate("outer", rstuf.DelegatedRole{Name: "inner", Paths: []string{"a/b/*"}}, ecdsa, path)
		inner := &m.roles["outer"].Delegations.Roles[0]
		m.roles["outer"].Delegations.Keys[rsa.Public().ID()] = rsa.Public().Key()
		inner.KeyIDs, inner.Threshold = append(inner.KeyIDs, rsa.Public().ID()), 2
		m.signers["inner"] = []*keys.Private{ecdsa, rsa}
		m.publish()
		return m.subject(path, map[string][]*keys.Private{
			"1.inner.json": {ecdsa, rsa}, "1.outer.json": {rsa}, "1.empty.json": {ecdsa}, "2.root.json": {m.alice, ecdsa},
		})
	},
}

// subject has the newest top-level roles mutated, and others.
func (m *made) subject(path string, signers map[string][]*keys.Private) subject {
	for _, name := range []string{"timestamp.json", m.name("snapshot", m.snapshot.Version), m.name("targets", 1)} {
		signers[name] = []*keys.Private{m.online}
	}
	return subject{m, path, signers}
}

func described(version int64, data []byte) metadata.MetaFile {
	length := int64(len(data))
	return metadata.MetaFile{Version: version, Length: &length, Hashes: map[string]string{"sha256": fmt.Sprintf("%x", sha256.Sum256(data))}}
}

// disagreement is why a peer makes something else of some mutations.
type disagreement struct{ mutations, why string }

// TestAgainstGoTUF and TestAgainstPythonTUF mutate every value of every role of
// several repositories, have it signed rightly, and ask us and a peer what we
// make of it. All that may differ is in a table. In none of it do we take what
// the specification forbids.
func TestAgainstGoTUF(t *testing.T) {
	compare(t, goTUF, []disagreement{
		{`/spec_version="`, "go-tuf takes any version of the specification; clients take those of their own major version (section 4.1)"},
		{`timestamp.json /version=(0|-1)`, "go-tuf takes a timestamp version below 1; versions are greater than zero (section 4.3)"},
		{`/scheme="`, "go-tuf goes by the type of a key alone, and so takes schemes that nobody knows"},
		{`/hashes/sha256="x"`, "go-tuf refuses the whole role for one hash that is not hex; here that artifact can't be downloaded"},
		{`hash prefixes as they are`, "go-tuf compares path_hash_prefixes with the digest in base64, not in hex, and finds nothing"},
		{`/keys/KEY(/keytype="|/keyval| is missing)`, "go-tuf refuses a root for one key that it can't use; here that key counts as no signature, and enough others sign"},
		{`/roles/root/keyids/2="`, "go-tuf refuses a root for one id without a key; here it counts as no signature"},
		{`targets.json .*/paths is missing`, "go-tuf takes a delegation without paths; it has either paths or path_hash_prefixes (section 4.5)"},
		{`/consistent_snapshot is missing`, "go-tuf writes the field anew before it verifies"},
		{"/targets=<nil>", "go-tuf takes null for an object"},
		{"/length=-1", "go-tuf takes a negative length"},
	})
}

func TestAgainstPythonTUF(t *testing.T) {
	if *python == "" {
		t.Skip("needs -args -python-tuf PYTHON, a Python that has the package tuf")
	}
	compare(t, pythonTUF(t), []disagreement{
		{`(version|threshold|length)=true`, "python-tuf takes true for the number 1"},
		{`/(terminating|consistent_snapshot)=`, "python-tuf takes any value for true or false"},
		{`/(keyids|paths|path_hash_prefixes)=`, "python-tuf takes texts and objects for lists"},
		{`/keyids/[0-9]=`, "python-tuf takes anything for a key id, which then has no key"},
		{`/name=(-1|true)`, "python-tuf takes anything for a name"},
		{`/keys/KEY/(keyval|keytype|scheme)`, "python-tuf refuses a root for one key that it can't read; here that key counts as no signature, and enough others sign"},
	})
}

func compare(t *testing.T, peer peer, table []disagreement) {
	compared, used := 0, map[string]bool{}
	for _, kind := range slices.Sorted(maps.Keys(subjects)) {
		s := subjects[kind](t)
		root := s.files["1.root.json"]
		ask := func() (ours, theirs string) {
			info, err := s.reader(nil).Info(t.Context(), s.path)
			ours = answer(info.Length, err)
			length, err := peer(s.files, root, s.path)
			return ours, answer(length, err)
		}
		explain := func(what, ours, theirs string) {
			explained := false
			for _, d := range table {
				if regexp.MustCompile(d.mutations).MatchString(what) {
					explained, used[d.mutations] = true, true
				}
			}
			assert.True(t, explained, "%s: %s: we say %s, the peer %s", kind, what, ours, theirs)
		}
		ours, theirs := ask()
		require.Equal(t, "length 1", ours, kind)
		if theirs != ours {
			explain(kind+" as they are", ours, theirs)
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(s.signers)) {
			good := s.files[name]
			require.NotEmpty(t, good, name)
			var document struct {
				Signed json.RawMessage `json:"signed"`
			}
			require.NoError(t, json.Unmarshal(good, &document))
			for i, mutation := range mutations(t, document.Signed) {
				if !*whole && i%5 != 0 {
					continue
				}
				form, err := canonical.Transform(mutation.text)
				if err != nil {
					continue // nobody can sign it
				}
				var signatures []map[string]string
				for _, key := range s.signers[name] {
					signature, err := key.Sign(t.Context(), form)
					require.NoError(t, err)
					signatures = append(signatures, map[string]string{"keyid": key.Public().ID(), "sig": hex.EncodeToString(signature)})
				}
				list, err := json.Marshal(signatures)
				require.NoError(t, err)
				s.put(name, fmt.Appendf(nil, `{"signatures":%s,"signed":%s}`, list, mutation.text))
				compared++
				ours, theirs := ask()
				if ours == theirs || strings.HasPrefix(ours, "error") && strings.HasPrefix(theirs, "error") {
					continue
				}
				explain(name+" "+keyID.ReplaceAllString(mutation.name, "KEY"), ours, theirs)
			}
			s.put(name, good)
		}
	}
	t.Logf("%d repositories compared", compared)
	if !*whole {
		require.Greater(t, compared, 400)
		return
	}
	require.Greater(t, compared, 2000)
	for _, d := range table {
		assert.True(t, used[d.mutations], "the peer agrees by now: %s", d.why)
	}
}

var keyID = regexp.MustCompile(`[0-9a-f]{64}`)

func answer(length any, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return fmt.Sprint("length ", length)
}
