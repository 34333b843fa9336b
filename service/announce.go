package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// checkSnapshot reads the published snapshot and compares it with what the
// database says.
func (s *Service) checkSnapshot(ctx context.Context) error {
	data, err := readRole(ctx, s.storage, rstuf.RoleSnapshot, s.repo.roles.get(rstuf.RoleSnapshot))
	if err != nil {
		return err
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return err
	}
	snapshot, err := doc.Snapshot()
	if err != nil {
		return err
	}
	for role, info := range s.repo.roles.all() {
		if role == rstuf.RoleSnapshot || role == rstuf.RoleTimestamp {
			continue
		}
		if listed := snapshot.Meta[role+".json"].Version; listed != info.version {
			return fmt.Errorf("the database is damaged: it has version %d of %s, the snapshot has %d", info.version, role, listed)
		}
	}
	s.repo.snapshot = doc
	return nil
}

// repairing says what else announce may do than what follows a commit.
type repairing int

const (
	afterCommit repairing = iota
	afterCrash            // finish what was cut short
	byPerson              // write anew what is damaged
)

// announce replaces the files by which clients find the rest: the timestamp,
// then the root. Those that are right already are left alone.
func (s *Service) announce(ctx context.Context, r *repository, repair repairing) error {
	if err := s.announceTimestamp(ctx, r, repair); err != nil {
		return err
	}
	name := metadata.Filename(rstuf.RoleRoot, r.root.Version())
	return s.announceFile(ctx, name, r.root.Bytes(), repair, func([]byte) error {
		if repair == afterCommit {
			return errTaken
		}
		return nil
	})
}

// announceTimestamp replaces timestamp.json if what is there is older. Another
// process may have written there, one that follows this one while it was paused:
// what clients see never goes back.
func (s *Service) announceTimestamp(ctx context.Context, r *repository, repair repairing) error {
	version := r.roles.get(rstuf.RoleTimestamp).version
	return s.announceFile(ctx, metadata.Filename(rstuf.RoleTimestamp, 0), r.timestamp, repair, func(there []byte) error {
		doc, err := metadata.Parse(there)
		if err != nil || doc.Type() != rstuf.RoleTimestamp {
			return nil // nobody's
		}
		if doc.Version() > version || doc.Version() == version && repair != byPerson {
			return fmt.Errorf("%w: it has version %d already, and this service was about to publish version %d: have one service alone publish here, then see rstuf fsck", errOvertaken, doc.Version(), version)
		}
		return nil
	})
}

// overtaken is the error of a service that finds what another one has published
// since. That is not taken back, so nothing is published any more.
type overtaken struct{}

func (overtaken) Error() string        { return "another process has published here" }
func (overtaken) Is(target error) bool { return target == ErrLost }

var errOvertaken error = overtaken{}

// announceTries is how often a file may change under a service before it pauses.
const announceTries = 5

// announceFile makes a file what it has to be, if may says so of what is there
// otherwise; it is asked again whenever that changes.
func (s *Service) announceFile(ctx context.Context, name string, data []byte, repair repairing, may func(there []byte) error) (err error) {
	for range announceTries {
		var old []byte
		old, err = s.storage.Read(ctx, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			old = nil
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		case string(old) == string(data):
			return nil
		default:
			if err := may(old); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if old == nil {
				old = []byte{} // an empty file is not none
			}
		}
		if repair != afterCommit {
			s.cfg.Logger.Info("repair a file after a crash", "file", name)
		}
		if err = s.storage.Replace(ctx, name, old, data); !errors.Is(err, ErrChanged) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// probe finds out whether a second writer could overwrite what is there. What is for
// replicas is refused then: they would not start.
func (s *Service) probe(ctx context.Context) error {
	if s.cfg.Replicas != nil {
		return probeForReplicas(ctx, s.cfg.Storage)
	}
	prober, ok := s.storage.(Prober)
	if !ok {
		return nil
	}
	err := prober.Probe(ctx)
	if errors.Is(err, ErrUnconditional) {
		s.cfg.Logger.Warn("start no second service here while another may still be alive", "error", err)
		return nil
	}
	return err
}
