package metadata_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/stretchr/testify/require"
	tuf "github.com/theupdateframework/go-tuf/v2/metadata"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

var expires = time.Date(2036, 1, 2, 3, 4, 5, 0, time.UTC)

// artifacts makes n artifacts in the order of their paths.
func artifacts(n int) []rstuf.Artifact {
	list := make([]rstuf.Artifact, n)
	for i := range list {
		path := fmt.Sprintf("packages/%03d/file-%07d.tar.gz", i%251, i)
		sum := sha256.Sum256([]byte(path))
		list[i] = rstuf.Artifact{Path: path, Info: rstuf.ArtifactInfo{
			Length: int64(i * 37),
			Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])},
		}}
	}
	slices.SortFunc(list, func(a, b rstuf.Artifact) int { return strings.Compare(a.Path, b.Path) })
	return list
}

func write(t testing.TB, list []rstuf.Artifact) *metadata.Document {
	w, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 1, Expires: expires})
	require.NoError(t, err)
	w.Grow(150 * len(list))
	for _, a := range list {
		if err := w.Add(a.Path, a.Info); err != nil {
			t.Fatal(err)
		}
	}
	return w.Document()
}

// goTUFTargets is the same role as [write] gives, as go-tuf has it.
func goTUFTargets(t testing.TB, list []rstuf.Artifact) tuf.TargetsType {
	signed := tuf.Targets(expires).Signed
	for _, a := range list {
		f := &tuf.TargetFiles{Length: a.Info.Length, Hashes: tuf.Hashes{}}
		for name, digest := range a.Info.Hashes {
			raw, err := hex.DecodeString(digest)
			require.NoError(t, err)
			f.Hashes[name] = raw
		}
		signed.Targets[a.Path] = f
	}
	return signed
}

const benchmarkSize = 1000

func BenchmarkCanonical(b *testing.B) {
	list := artifacts(benchmarkSize)
	size := int64(len(write(b, list).Canonical()))
	b.Run("TargetsWriter", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(size)
		for b.Loop() {
			write(b, list)
		}
	})
	b.Run("cjson", func(b *testing.B) {
		signed := goTUFTargets(b, list)
		b.ReportAllocs()
		b.SetBytes(size)
		for b.Loop() {
			_, err := cjson.EncodeCanonical(signed)
			require.NoError(b, err)
		}
	})
}

func BenchmarkMerge(b *testing.B) {
	d := write(b, artifacts(benchmarkSize))
	b.ReportAllocs()
	b.SetBytes(int64(len(d.Bytes())))
	for b.Loop() {
		old, err := metadata.Parse(d.Bytes())
		require.NoError(b, err)
		files, err := old.TargetFiles()
		require.NoError(b, err)
		w, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 2, Expires: expires})
		require.NoError(b, err)
		w.Grow(len(old.Bytes()))
		for path, info := range files {
			if err := w.AddCanonical(path, info); err != nil {
				b.Fatal(err)
			}
		}
		w.Document()
	}
}

func BenchmarkParse(b *testing.B) {
	d := write(b, artifacts(benchmarkSize))
	b.Run("Parse", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(d.Bytes())))
		for b.Loop() {
			_, err := metadata.Parse(d.Bytes())
			require.NoError(b, err)
		}
	})
	b.Run("Targets", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(d.Bytes())))
		for b.Loop() {
			_, err := d.Targets()
			require.NoError(b, err)
		}
	})
	b.Run("go-tuf", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(d.Bytes())))
		for b.Loop() {
			_, err := tuf.Targets().FromBytes(d.Bytes())
			require.NoError(b, err)
		}
	})
}

func BenchmarkNewTargetsWriter(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		w, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 2, Expires: expires})
		require.NoError(b, err)
		w.Document()
	}
}

func BenchmarkSnapshot(b *testing.B) {
	bins, err := metadata.NewHashBins(16384)
	require.NoError(b, err)
	s := &metadata.Snapshot{Version: 1, Expires: expires, Meta: map[string]metadata.MetaFile{}}
	for name := range bins.Names() {
		s.Meta[name+".json"] = metadata.MetaFile{Version: 1}
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := metadata.New(s)
		require.NoError(b, err)
	}
}

func BenchmarkHashBins(b *testing.B) {
	bins, err := metadata.NewHashBins(16384)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		bins.Index("packages/001/file-0000001.tar.gz")
	}
}

// The writer's form is cjson's, for the same role.
func TestTargetsWriterAgreesWithCJSON(t *testing.T) {
	t.Parallel()
	list := artifacts(benchmarkSize)
	want, err := cjson.EncodeCanonical(goTUFTargets(t, list))
	require.NoError(t, err)
	d := write(t, list)
	require.Equal(t, string(want), string(d.Canonical()))
	require.True(t, json.Valid(d.Bytes()))
}

// BenchmarkVerifyBins verifies all hash bins of one online key.
func BenchmarkVerifyBins(b *testing.B) {
	for _, typ := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.RSA2048} {
		online, err := keys.Generate(typ, "online")
		require.NoError(b, err)
		bins, err := metadata.NewHashBins(16384)
		require.NoError(b, err)
		targets, err := tuftest.Document(b, &metadata.Targets{Version: 1, Expires: expires, Delegations: &metadata.Delegations{
			Keys: map[string]rstuf.Key{online.Public().ID(): online.Public().Key()}, Succinct: bins.SuccinctRoles(online.Public().ID()),
		}}).Targets()
		require.NoError(b, err)
		bin := tuftest.Document(b, &metadata.Targets{Version: 1, Expires: expires}, online)
		b.Run(fmt.Sprint(typ), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d, err := targets.Delegation("bins-0001")
				if err != nil || !d.Verify(bin).OK() {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOnlineKey is what docs/signers.md tells of the online key of many
// bins: to sign and to verify an empty bin, and its size.
func BenchmarkOnlineKey(b *testing.B) {
	for _, kind := range []keys.Type{keys.Ed25519, keys.MLDSA44, keys.MLDSA65, keys.MLDSA87} {
		key, err := keys.Generate(kind, "")
		require.NoError(b, err)
		bin := func() *metadata.Document {
			d, err := metadata.New(&metadata.Targets{Version: 1, Expires: expires})
			require.NoError(b, err)
			require.NoError(b, d.Sign(b.Context(), key))
			return d
		}
		b.Run("sign/"+string(kind), func(b *testing.B) {
			size := len(bin().Bytes())
			for b.Loop() {
				bin()
			}
			b.ReportMetric(float64(size), "B/bin")
		})
		b.Run("verify/"+string(kind), func(b *testing.B) {
			d := bin()
			id := key.Public().ID()
			by := metadata.Delegation{Role: "bins-0", KeyIDs: []string{id}, Threshold: 1, Keys: map[string]rstuf.Key{id: key.Public().Key()}}
			for b.Loop() {
				require.NoError(b, by.Verify(d).Err())
			}
		})
	}
}
