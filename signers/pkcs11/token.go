package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"
)

// library is a PKCS#11 library that was loaded.
type library struct{ *pkcs11.Ctx }

func load(path string) (library, error) {
	ctx := pkcs11.New(path)
	if ctx == nil {
		return library{}, fmt.Errorf("%s cannot be loaded: is it a PKCS#11 library of this machine's kind?", path)
	}
	if err := ctx.Initialize(); err != nil {
		ctx.Destroy()
		return library{}, fmt.Errorf("%s: %w", path, err)
	}
	return library{ctx}, nil
}

// Close lets go of the library. It always returns nil.
func (l library) Close() error {
	_ = l.Finalize()
	l.Destroy()
	return nil
}

// tokenInfo is a token that is there.
type tokenInfo struct {
	slot                       uint
	label, manufacturer, model string
}

func (l library) tokens() ([]tokenInfo, error) {
	slots, err := l.GetSlotList(true)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	var found []tokenInfo
	for _, slot := range slots {
		info, err := l.GetTokenInfo(slot)
		if err != nil {
			return nil, fmt.Errorf("token in slot %d: %w", slot, err)
		}
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
			found = append(found, tokenInfo{slot, trim(info.Label), trim(info.ManufacturerID), trim(info.Model)})
		}
	}
	return found, nil
}

func trim(text string) string { return strings.TrimRight(text, " \x00") }

// token is one that was opened.
type token struct {
	library
	label   string
	slot    uint
	session pkcs11.SessionHandle
}

// open opens the one token of the label, for reading; see login.
func open(o options) (*token, error) {
	lib, err := load(o.module)
	if err != nil {
		return nil, err
	}
	t, err := lib.open(o.token)
	if err != nil {
		lib.Close()
		return nil, fmt.Errorf("token %q: %w", o.token, err)
	}
	return t, nil
}

func (l library) open(label string) (*token, error) {
	all, err := l.tokens()
	if err != nil {
		return nil, err
	}
	var slots []uint
	for _, t := range all {
		if t.label == label {
			slots = append(slots, t.slot)
		}
	}
	if len(slots) != 1 {
		return nil, fmt.Errorf("there are %d such tokens, want one; -list shows them", len(slots))
	}
	session, err := l.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return nil, err
	}
	return &token{l, label, slots[0], session}, nil
}

// login gives the PIN, and wipes it. It is given once: whoever is asked again
// for a PIN that was wrong decides so.
func (t *token) login(pin []byte) error {
	defer clear(pin)
	err := t.Login(t.session, pkcs11.CKU_USER, string(pin))
	if err == nil || errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return nil
	}
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LOCKED)) {
		return fmt.Errorf("token %q: its PIN is locked", t.label)
	}
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)) || errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_LEN_RANGE)) {
		return fmt.Errorf("token %q: the PIN is wrong%s", t.label, t.triesLeft())
	}
	return fmt.Errorf("token %q: log in: %w", t.label, err)
}

// triesLeft is what PKCS#11 tells of that; it knows no number.
func (t *token) triesLeft() string {
	info, err := t.GetTokenInfo(t.slot)
	switch {
	case err != nil:
		return ""
	case info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return ", and locked now"
	case info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return ": one try is left before it is locked"
	case info.Flags&pkcs11.CKF_USER_PIN_COUNT_LOW != 0:
		return ": few tries are left before it is locked"
	}
	return ""
}
