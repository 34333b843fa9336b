package service

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrElsewhere is the error of a database whose repository was moved away ([Move]),
// or has not arrived yet.
var ErrElsewhere = errors.New("the repository is elsewhere")

// mark is what the databases of both sides know of a move.
type mark struct {
	// Move tells one from all others.
	Move string
	// Repository is the id of its bootstrap.
	Repository string
	// To says in a line how to go on with it; Host is where the move was made.
	To, Host string
	Time     time.Time
}

func newMark(from *Service, id, to string) mark {
	host, _ := os.Hostname()
	return mark{Move: id, Repository: from.repo.state.BootstrapID, To: to, Host: cmp.Or(host, "(unknown)"), Time: from.cfg.Now().UTC().Truncate(time.Second)}
}

func (m mark) encode() []byte {
	raw, _ := json.Marshal(m) // of texts alone
	return seal(raw)
}

// left is the error of a source that was moved from.
func (m mark) left() error {
	return fmt.Errorf("%w: it was moved at %s by host %s; go on there: %s", ErrElsewhere, m.Time.Format(time.RFC3339), m.Host, m.To)
}

// getter is what gets entries, as a [Store].
type getter interface {
	Get(ctx context.Context, table Table, keys []string, f func(key string, value []byte) error) error
}

// marks reads what a database knows of moves.
func marks(ctx context.Context, store getter) (arriving, moved *mark, err error) {
	err = store.Get(ctx, tableState, []string{keyArriving, keyMoved}, func(key string, sealed []byte) error {
		if sealed == nil {
			return nil
		}
		raw, err := unseal(sealed)
		if err != nil {
			return fmt.Errorf("the database is damaged: %s: %w", key, err)
		}
		m := &mark{}
		if key == keyArriving {
			arriving = m
		} else {
			moved = m
		}
		return json.Unmarshal(raw, m)
	})
	return arriving, moved, err
}

// isMark tells whether an entry is about a move.
func isMark(table Table, key string) bool {
	return table == tableState && (key == keyArriving || key == keyMoved)
}

// elsewhere is the error of a database that is not to be served from, else nil.
func elsewhere(ctx context.Context, store getter) error {
	arriving, moved, err := marks(ctx, store)
	switch {
	case err != nil:
		return err
	case arriving != nil:
		return fmt.Errorf("%w: it was to be moved here at %s by host %s, and that did not come to its end: move it again, with the same source", ErrElsewhere, arriving.Time.Format(time.RFC3339), arriving.Host)
	case moved != nil:
		return moved.left()
	}
	return nil
}
