package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// answered is what a server of AWS's kind answers.
type answered struct{}

func (answered) Error() string        { return "user arn:aws:iam::1:user/rstuf may not sign" }
func (answered) ErrorCode() string    { return "AccessDenied" }
func (answered) ErrorMessage() string { return "may not sign" }

// What those are told who are not at the machine: a reason that helps them, and no hosts.
func TestWhatIsToldOfErrors(t *testing.T) {
	t.Parallel()
	driver := ofDatabase(errors.New("failed to connect to host=db.example.com user=rstuf"))
	elsewhere := fmt.Errorf("%w: rstuf serve --dir there", ErrElsewhere)
	lost := fmt.Errorf("db.example.com: %w", ErrLost)
	const unknown = "it is not known whether the request was accepted: "
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("the disk is full"), "the disk is full"},
		{ofDatabase(elsewhere), elsewhere.Error()},
		{ofDatabase(lost), ErrLost.Error()},
		{fmt.Errorf("begin: %w", driver), databaseAway + logSays},
		{fmt.Errorf("file: %w", &url.Error{Op: "Put", URL: "https://store.example.com", Err: errors.New("EOF")}), serverAway + logSays},
		{fmt.Errorf("key: %w", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused by kms.example.com")}), serverAway + logSays},
		{fmt.Errorf("key: %w", &net.DNSError{Err: "no such host", Name: "kms.example.com"}), serverAway + logSays},
		{fmt.Errorf("file: %w", answered{}), serverAway + logSays},
		{fmt.Errorf("sign: %w", keyError{answered{}}), keyAway + logSays},
	} {
		assert.Equal(t, test.want, public(test.err), "%v", test.err)
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{errFull, errFull.Error()},
		{errClosing, errClosing.Error()},
		{notStored{ofDatabase(lost)}, unknown + "look whether it was published before you send it again"},
		{notStored{lostAnswer{elsewhere}}, unknown + elsewhere.Error()},
		{elsewhere, elsewhere.Error()},
		{notStored{driver}, "the request was not accepted: " + databaseAway + ": try again later"},
		{filesError{errors.New("https://store.example.com: EOF")}, "the metadata files can't be read at the moment: try again later"},
		{driver, databaseAway + ": try again later"},
	} {
		assert.Equal(t, test.want, toldClient(test.err), "%v", test.err)
	}
}

// brokenStore is a store of which every call fails.
type brokenStore struct{ err error }

func (b brokenStore) Read(context.Context, Table, func(string, []byte) error) error { return b.err }
func (b brokenStore) Get(context.Context, Table, []string, func(string, []byte) error) error {
	return b.err
}
func (b brokenStore) Commit(context.Context, []Change) error { return b.err }
func (b brokenStore) Close() error                           { return nil }
func (b brokenStore) Err() error                             { return b.err }

// Every error of a store that is not of this process alone is known to be of the database.
func TestErrorsOfAStoreAreOfTheDatabase(t *testing.T) {
	t.Parallel()
	calls := func(s Failing) []error {
		store := s.(Store)
		return []error{store.Read(t.Context(), tableState, nil), store.Get(t.Context(), tableState, nil, nil), store.Commit(t.Context(), nil), s.Err()}
	}
	broken := errors.New("connection refused")
	for i, err := range calls(knownStore{brokenStore{broken}}) {
		assert.ErrorIs(t, err, broken, i)
		assert.ErrorAs(t, err, &databaseError{}, i)
	}
	for i, err := range calls(knownStore{brokenStore{}}) {
		assert.NoError(t, err, i)
	}
	assert.NoError(t, knownStore{struct{ Store }{brokenStore{broken}}}.Err(), "it can't tell")
}

// Of questions that have no answer the oldest counts, and none that has one.
func TestAsking(t *testing.T) {
	t.Parallel()
	var a asking
	assert.Zero(t, a.since(time.Now()))
	begun := time.Now()
	first, second, third := a.begin(), a.begin(), a.begin()
	for id, since := range map[int]time.Duration{1: 2 * time.Hour, 2: 3 * time.Hour, 3: time.Hour} {
		a.list[id] = begun.Add(-since)
	}
	for _, step := range []struct {
		end  func()
		want time.Duration
	}{{func() {}, 3 * time.Hour}, {second, 2 * time.Hour}, {first, time.Hour}, {third, 0}} {
		step.end()
		assert.Equal(t, step.want, a.since(begun))
	}
}

// A repository that went elsewhere ends a replica once, however many find that out.
func TestReplicaEndsOnce(t *testing.T) {
	t.Parallel()
	r, times := newFront(t, &met{}), 0
	r.stop = func() { times++ }
	for range 2 {
		r.end(ErrElsewhere)
	}
	assert.Equal(t, 1, times)
}
