package service

import (
	"context"
	"errors"
	"net"
	"net/url"
)

// What those are told of an error who are not at the machine, such as clients of the
// API. What a driver or a client of a server says names hosts and users: that is for
// the log.

// databaseError is an error of a database that is not of this process alone.
type databaseError struct{ error }

func (e databaseError) Unwrap() error { return e.error }

func ofDatabase(err error) error {
	if err == nil {
		return nil
	}
	return databaseError{err}
}

// knownStore is a [Store] whose errors are known to be of the database.
type knownStore struct{ Store }

func (k knownStore) Read(ctx context.Context, table Table, f func(key string, value []byte) error) error {
	return ofDatabase(k.Store.Read(ctx, table, f))
}

func (k knownStore) Get(ctx context.Context, table Table, keys []string, f func(key string, value []byte) error) error {
	return ofDatabase(k.Store.Get(ctx, table, keys, f))
}

func (k knownStore) Commit(ctx context.Context, list []Change) error {
	return ofDatabase(k.Store.Commit(ctx, list))
}

func (k knownStore) Err() error {
	if store, ok := k.Store.(Failing); ok {
		return ofDatabase(store.Err())
	}
	return nil
}

const (
	databaseAway = "the database is away, or takes nothing, at the moment"
	serverAway   = "a server that it needs, that of the metadata files or of the online key, is away, or refuses, at the moment"
	keyAway      = "the online key can't be opened, or does not sign, at the moment"
	logSays      = ": the log says why"
)

// public is what an error is told as to those who may know why nothing is published.
func public(err error) string {
	switch {
	case errors.Is(err, ErrElsewhere):
		return err.Error()
	case errors.Is(err, ErrLost):
		return ErrLost.Error()
	case errors.As(err, &databaseError{}):
		return databaseAway + logSays
	case errors.As(err, &keyError{}):
		return keyAway + logSays
	case ofNetwork(err):
		return serverAway + logSays
	}
	return err.Error()
}

// ofNetwork tells an error that names a host, or is what a server of AWS's kind answers,
// which names accounts and what they may do.
func ofNetwork(err error) bool {
	var (
		request    *url.Error
		connection *net.OpError
		name       *net.DNSError
		answer     interface {
			ErrorCode() string
			ErrorMessage() string
		}
	)
	return errors.As(err, &request) || errors.As(err, &connection) || errors.As(err, &name) || errors.As(err, &answer)
}

// keyError is an error of who keeps the online key, such as a key service or a program.
type keyError struct{ error }

func (e keyError) Unwrap() error { return e.error }

// filesError is an error of the metadata files, for which a request can't be answered.
type filesError struct{ error }

func (e filesError) Unwrap() error { return e.error }

// toldClient is what a client is told whose request can't be answered.
func toldClient(err error) string {
	switch {
	case errors.Is(err, errFull), errors.Is(err, errClosing):
		return err.Error()
	case errors.As(err, &notStored{}) && errors.Is(err, ErrLost):
		text := "it is not known whether the request was accepted: look whether it was published before you send it again"
		if errors.Is(err, ErrElsewhere) {
			text = "it is not known whether the request was accepted: " + err.Error()
		}
		return text
	case errors.Is(err, ErrElsewhere):
		return err.Error()
	case errors.As(err, &notStored{}):
		return "the request was not accepted: " + databaseAway + ": try again later"
	case errors.As(err, &filesError{}):
		return "the metadata files can't be read at the moment: try again later"
	}
	return databaseAway + ": try again later"
}

// notStored is the error of a request that was not stored, as far as anybody knows.
type notStored struct{ error }

func (e notStored) Unwrap() error { return e.error }
