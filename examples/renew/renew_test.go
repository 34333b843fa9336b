package renew_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/examples/renew"
	"example.org/rstuf/rstuftest"
)

const day = 24 * time.Hour

// Two bots with a key each renew root, and clients never find it at its end.
func TestTwoBots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t)
		reader := repo.Reader(t)
		for today := range 400 {
			for _, key := range repo.RootKeys {
				bot := renew.Bot{API: repo.Client, Reader: reader, Key: key}
				require.NoError(t, bot.Look(t.Context()), "day %d", today)
				time.Sleep(day / 2)
			}
			require.NoError(t, reader.Refresh(t.Context()), "day %d", today)
		}
		assert.Equal(t, int64(2), repo.State(t).Versions["root"])
	})
}

// A bot signs nothing that changes more than the date.
func TestWhatABotDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t)
		time.Sleep(340 * day)
		root := repo.State(t).Expires["root"]
		draft, err := ceremony.Next(t.Context(), repo.Draft.Document(), ceremony.Change{
			Days: 365, RenameKeys: map[string]string{"alice": "mallory"},
		})
		require.NoError(t, err)
		require.NoError(t, draft.Sign(t.Context(), repo.RootKeys[0]))
		_, err = repo.Client.UpdateMetadata(t.Context(), draft.Document().Bytes())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		bot := renew.Bot{API: repo.Client, Reader: repo.Reader(t), Key: repo.RootKeys[1]}
		require.ErrorContains(t, bot.Look(t.Context()), "a person must look at it")
		assert.Equal(t, root, repo.State(t).Expires["root"])
	})
}
