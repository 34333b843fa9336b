package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// Lost is what went with a database.
type Lost struct {
	// Waiting is how many requests were accepted and not published; -1 where
	// nobody knows.
	Waiting int `json:"waiting"`
	// Aside is the file that the damaged state.db is kept in; empty where there
	// was none.
	Aside string `json:"aside,omitempty"`
}

// checkDatabase refuses a folder whose database knows a repository, or that of
// a service that runs. A damaged one gives what it still tells. It makes nothing.
func (a *adoption) checkDatabase(ctx context.Context) error {
	s := a.s
	if s.cfg.Store == nil {
		info, err := os.Stat(a.database())
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	err := s.openStore(ctx)
	if err == nil {
		err = s.load(ctx)
	}
	if isDamage(err) && s.cfg.Store == nil {
		a.done.Lost = &Lost{Waiting: -1}
		a.salvage(ctx)
		return a.closeDatabase()
	}
	if err != nil {
		return err
	}
	if s.knowsRepository() {
		return fmt.Errorf("%w: the database knows a repository and can be read: start without --adopt; for another repository choose an empty folder, or another schema; if state.db is older than the files, and there is no newer one, move it away first", ErrNotLost)
	}
	return nil
}

// knowsRepository tells whether a bootstrap was asked for, or is over.
func (s *Service) knowsRepository() bool {
	_, waits := s.queue.bootstrap()
	return s.repo.state.Bootstrap != "" || waits
}

func (a *adoption) database() string { return filepath.Join(a.s.cfg.Dir, "state.db") }

// closeDatabase closes a damaged database and forgets what was read of it.
func (a *adoption) closeDatabase() error {
	var err error
	if a.s.store != nil {
		err = a.s.store.Close()
	}
	a.s = newService(a.s.cfg, a.s.disk)
	return err
}

// isDamage tells a database that makes no sense from one that the system does
// not let us read.
func isDamage(err error) bool {
	var system syscall.Errno
	return err != nil && !errors.Is(err, ErrLocked) && !errors.Is(err, ErrElsewhere) && !errors.As(err, &system)
}

// salvage reads what a damaged database still tells, each for itself. It is
// checked like what an old API tells, which goes before it.
func (a *adoption) salvage(ctx context.Context) {
	store := a.s.store
	if store == nil {
		return
	}
	var st state
	pending := rstuf.PendingMetadata{Roles: map[string]json.RawMessage{}}
	waiting := 0
	for _, read := range []struct {
		tell func() error
		then func()
	}{
		{func() error {
			return store.Read(ctx, tableQueue, func(string, []byte) error { waiting++; return nil })
		}, func() { a.done.Lost.Waiting = waiting }},
		{func() error {
			return store.Get(ctx, tableState, []string{keyState}, func(_ string, sealed []byte) error {
				raw, err := unseal(sealed)
				if err != nil {
					return err
				}
				return json.Unmarshal(raw, &st)
			})
		}, func() {
			if a.source.Settings == nil {
				a.source.Settings = st.told()
			}
		}},
		{func() error {
			return store.Read(ctx, tableSigning, func(role string, sealed []byte) error {
				if raw, err := unseal(sealed); err == nil {
					pending.Roles[role] = append(json.RawMessage(nil), raw...)
				}
				return nil
			})
		}, func() {
			if a.source.Pending == nil {
				a.source.Pending = &pending
			}
		}},
	} {
		if read.tell() == nil {
			read.then()
		}
	}
}

// told is a state as an API tells it: names once used are in it as roles.
func (st *state) told() *rstuf.RepositorySettings {
	settings := &rstuf.RepositorySettings{Bootstrap: st.BootstrapID, Expiration: st.Expiration, Threshold: map[string]int{}}
	for name := range st.UsedNames {
		settings.Threshold[name] = 1
	}
	return settings
}

// setAside gives a damaged database another name, which none has yet.
func (a *adoption) setAside() error {
	if a.done.Lost == nil {
		return nil
	}
	name := a.database() + ".damaged"
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			break
		}
		name = fmt.Sprintf("%s.damaged-%d", a.database(), n)
	}
	a.done.Lost.Aside = filepath.Base(name)
	return a.s.disk.Move(a.database(), name)
}

// missDatabase notes that files of this repository were here without a database.
func (a *adoption) missDatabase(ctx context.Context) {
	if a.done.Lost != nil {
		return
	}
	if _, err := a.s.storage.Read(ctx, metadata.Filename(rstuf.RoleTimestamp, 0)); err == nil {
		a.done.Lost = &Lost{Waiting: -1}
	}
}
