package service

import (
	"context"
	"io/fs"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// What replaces timestamp.json and the root, by what is there: never what another one has
// published in the meantime, and whatever nobody can have published.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	timestamp := func(version, snapshot int64) []byte {
		doc, err := metadata.NewTimestamp(version, time.Unix(1<<31, 0), snapshot)
		require.NoError(t, err)
		return doc.Bytes()
	}
	body, err := metadata.NewRoot([]keys.Public{tuftest.Key(t, "alice").Public()}, 1, tuftest.Key(t, "online").Public(), time.Unix(1<<31, 0))
	require.NoError(t, err)
	root, err := metadata.New(body)
	require.NoError(t, err)
	mine, lost, taken := timestamp(5, 7), ErrLost, fs.ErrExist
	for name, test := range map[string]struct {
		repair    repairing
		timestamp []byte // as it is there
		root      []byte
		want      error
	}{
		"nothing is there":               {afterCommit, nil, nil, nil},
		"it is there":                    {afterCommit, mine, root.Bytes(), nil},
		"an older one":                   {afterCommit, timestamp(4, 7), nil, nil},
		"a newer one":                    {afterCommit, timestamp(6, 7), nil, lost},
		"a newer one, after a crash":     {afterCrash, timestamp(6, 7), nil, lost},
		"a newer one, by a person":       {byPerson, timestamp(6, 7), nil, lost},
		"the same number":                {afterCommit, timestamp(5, 8), nil, lost},
		"the same number, after a crash": {afterCrash, timestamp(5, 8), nil, lost},
		"the same number, by a person":   {byPerson, timestamp(5, 8), nil, nil},
		"an empty file":                  {afterCommit, []byte{}, nil, nil},
		"no metadata":                    {afterCommit, []byte("torn"), nil, nil},
		"the root's name is taken":       {afterCommit, nil, []byte("of another"), taken},
		"a torn root, after a crash":     {afterCrash, nil, []byte("torn"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := NewFolder(t.TempDir())
			require.NoError(t, err)
			there := map[string][]byte{"timestamp.json": test.timestamp, "1.root.json": test.root}
			for name, data := range there {
				if data != nil {
					require.NoError(t, files.Create(t.Context(), name, data))
				}
			}
			s := &Service{storage: files, cfg: Config{Logger: slog.New(slog.DiscardHandler)}}
			err = s.announce(context.Background(), &repository{root: trusted(root), timestamp: mine, roles: newRoleTable(map[string]roleInfo{rstuf.RoleTimestamp: {version: 5}})}, test.repair)
			want := map[string][]byte{"timestamp.json": mine, "1.root.json": root.Bytes()}
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
				want["1.root.json"] = test.root // it comes after the timestamp
				if test.want == lost {
					want["timestamp.json"] = test.timestamp
				}
			} else {
				require.NoError(t, err)
			}
			for name, data := range want {
				got, err := files.Read(t.Context(), name)
				if data == nil {
					require.ErrorIs(t, err, fs.ErrNotExist, name)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, string(data), string(got), name)
			}
		})
	}
}
