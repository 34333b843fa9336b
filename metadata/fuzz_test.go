package metadata_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/metadata"
)

// addDocuments seeds a fuzz target with real metadata and with bad input.
func addDocuments(f *testing.F) {
	seeds := 0
	for _, repository := range readPublished(f) {
		for _, d := range repository {
			f.Add(d.Bytes())
			seeds++
		}
	}
	for _, data := range readVectors(f).documents {
		f.Add(data)
		seeds++
	}
	require.NotZero(f, seeds)
	f.Add([]byte(snapshotJSON))
	f.Add([]byte(signed("_type", `"targets"`, "targets", `{"a":{"length":1,"hashes":{"sha256":"00"}}}`)))
}

// FuzzParse: whatever is accepted keeps its bytes, and a typed copy makes the
// same document again or says why not.
func FuzzParse(f *testing.F) {
	addDocuments(f)
	f.Add([]byte(signed("expires", `"2036-01-02T05:04:05.25+02:00"`)))
	f.Add([]byte(strings.Replace(signed(), "[]", `[{"keyid":"a","sig":""}]`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := metadata.Parse(data)
		if err != nil {
			require.Nil(t, d)
			return
		}
		require.Equal(t, data, d.Bytes())
		again, err := metadata.Parse(d.Bytes())
		require.NoError(t, err)
		require.Equal(t, d.Canonical(), again.Canonical())
		if files, err := d.TargetFiles(); err == nil {
			for range files {
			}
		}
		body, err := view(d)
		if err != nil {
			return
		}
		copied, err := metadata.New(body)
		require.NoError(t, err)
		if !bytes.Contains(d.Canonical(), []byte(`"expires":"`+d.Expires().Format("2006-01-02T15:04:05Z")+`"`)) {
			return // a typed copy has the date in the one form of the specification
		}
		if root, ok := body.(*metadata.Root); ok {
			_ = metadata.CheckRoot(d, expires)
			_ = metadata.CheckNextRoot(root, root.Next())
			_, _, _ = metadata.VerifyNextRoot(d, d)
			if bytes.Contains(d.Canonical(), []byte(`"consistent_snapshot"`)) {
				require.Equal(t, string(d.Canonical()), string(copied.Canonical()))
			}
			return
		}
		require.Equal(t, string(d.Canonical()), string(copied.Canonical()))
	})
}

// outside finds numbers that cjson does not write as Python does: -0, and what
// is beyond 64 bits.
var outside = regexp.MustCompile(`-0|[0-9]{19}`)

// FuzzCanonical holds canonical JSON against cjson, where that is right.
func FuzzCanonical(f *testing.F) {
	for _, v := range readVectors(f).canonical {
		f.Add([]byte(v.Value))
	}
	addDocuments(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		form, err := canonical.Transform(data)
		if err != nil || outside.Match(data) {
			return
		}
		want, err := cjson.EncodeCanonical(json.RawMessage(data))
		require.NoError(t, err)
		require.Equal(t, string(want), string(form))
	})
}

// FuzzTargetsWriter holds the streaming writer against cjson over any names
// and values, and against the reader.
func FuzzTargetsWriter(f *testing.F) {
	f.Add("a/b", "sha256", "00", int64(1), []byte(`{"b":1,"a":[true]}`))
	f.Add("", "", "", int64(0), []byte(nil))
	f.Add("\x00\"\\ü😀<", "\u2028", "\"", int64(1)<<62, []byte(`"\ud83d\ude00"`))
	f.Add("\xff", "\xfe", "\xed\xa0\x80", int64(-1), []byte(`-0`))
	f.Fuzz(func(t *testing.T, path, algorithm, digest string, length int64, custom []byte) {
		w, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 1, Expires: expires})
		require.NoError(t, err)
		info := rstuf.ArtifactInfo{Length: length, Hashes: map[string]string{algorithm: digest}}
		if len(custom) > 0 {
			info.Custom = custom
		}
		if w.Add(path, info) != nil {
			return
		}
		d := w.Document()
		again, err := metadata.Parse(d.Bytes())
		require.NoError(t, err)
		require.Equal(t, string(d.Canonical()), string(again.Canonical()))
		files, err := again.TargetFiles()
		require.NoError(t, err)
		for read, form := range files {
			require.Equal(t, path, read)
			require.Contains(t, string(d.Canonical()), string(form))
		}
		targets, err := again.Targets()
		require.NoError(t, err)
		require.Equal(t, digest, targets.Targets[path].Hashes[algorithm])
		if outside.Match(custom) {
			return
		}
		want, err := cjson.EncodeCanonical(map[string]any{
			"_type": "targets", "version": 1, "spec_version": metadata.SpecVersion, "expires": "2036-01-02T03:04:05Z",
			"targets": map[string]any{path: info},
		})
		require.NoError(t, err)
		require.Equal(t, string(want), string(d.Canonical()))
	})
}
