package ceremony

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
)

// draftFormat is the version of the file format.
const draftFormat = 1

// maxDraftSize bounds what is read of a file, and what is written.
const maxDraftSize = metadata.MaxSize

// draftFile is a draft as it stands in a file. Trust is not part of it:
// whoever loads a draft pins anew.
type draftFile struct {
	Format    int             `json:"rstuf_draft"`
	Role      string          `json:"role"`
	Bootstrap *bootstrapPart  `json:"bootstrap,omitempty"`
	Trusted   json.RawMessage `json:"trusted,omitempty"`
	Document  json.RawMessage `json:"document"`
}

// MarshalJSON writes the draft as [Draft.Save] does.
func (d *Draft) MarshalJSON() ([]byte, error) {
	if d.empty() {
		return nil, errEmptyDraft
	}
	file := draftFile{Format: draftFormat, Role: d.role, Bootstrap: d.bootstrap, Document: d.document.Bytes()}
	if d.base != nil {
		file.Trusted = d.base.Bytes()
	}
	return files.Encode(file)
}

// Save writes the draft to a file, as indented JSON without anything secret in
// it. The file must not exist yet (fs.ErrExist). It appears whole or not at
// all.
func (d *Draft) Save(path string) error { return d.save(path, files.WriteNew) }

// SaveOver is [Draft.Save] for a file that may exist; it is replaced in one
// step.
func (d *Draft) SaveOver(path string) error { return d.save(path, files.Replace) }

func (d *Draft) save(path string, write func(string, []byte) error) error {
	data, err := d.MarshalJSON()
	if err == nil && len(data) > maxDraftSize {
		err = fmt.Errorf("it has %d bytes, and a draft can have %d at most", len(data), maxDraftSize)
	}
	if err == nil {
		err = write(path, data)
	}
	if err != nil {
		return fmt.Errorf("save the draft of %s: %w", d, err)
	}
	return nil
}

// LoadDraft reads a draft from a file; see [ReadDraft].
func LoadDraft(path string) (*Draft, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load draft: %w", err)
	}
	defer file.Close()
	d, err := readDraft(file)
	if err != nil {
		return nil, fmt.Errorf("load draft %s: %w", path, err)
	}
	return d, nil
}

// ReadDraft reads a draft that [Draft.Save] wrote. What it contains is
// untrusted: look at its [Draft.Review], and [Draft.Pin] the root that you
// trust before you sign. Signatures in it that are wrong show in the status
// and do not count.
func ReadDraft(r io.Reader) (*Draft, error) {
	if r == nil {
		return nil, errors.New("read draft: there is nothing to read: the reader is nil")
	}
	d, err := readDraft(r)
	if err != nil {
		return nil, fmt.Errorf("read draft: %w", err)
	}
	return d, nil
}

func readDraft(r io.Reader) (*Draft, error) {
	data, err := files.ReadAll(r, maxDraftSize)
	if err != nil {
		return nil, err
	}
	var file draftFile
	if err := files.Decode(data, &file); err != nil {
		return nil, err
	}
	switch {
	case file.Format == 0 || file.Document == nil:
		return nil, errors.New("it has no rstuf_draft or no document: this is not the draft of a ceremony")
	case file.Format != draftFormat:
		return nil, fmt.Errorf("rstuf_draft: the format is %d, and only %d is known here", file.Format, draftFormat)
	}
	document, err := metadata.Parse(file.Document)
	if err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	d := &Draft{role: file.Role, document: document, bootstrap: file.Bootstrap}
	if file.Trusted != nil {
		if d.base, err = metadata.Parse(file.Trusted); err != nil {
			return nil, fmt.Errorf("trusted: %w", err)
		}
	}
	if d.bootstrap != nil {
		d.trust = pinned // a first root rests on nothing but its review
	}
	return d, d.check()
}

// check finds out whether the parts of a draft fit each other, and who signs
// it. Every draft goes through it before anybody gets it.
func (d *Draft) check() (err error) {
	if d.role == rstuf.RoleRoot {
		err = d.checkRoot()
	} else {
		err = d.checkDelegated()
	}
	if err != nil {
		return err
	}
	if d.signers, err = d.findSigners(); err != nil {
		return err
	}
	if d.bootstrap != nil {
		return d.checkBootstrap()
	}
	return nil
}

func (d *Draft) checkRoot() error {
	version := d.document.Version()
	switch {
	case d.document.Type() != rstuf.RoleRoot:
		return fmt.Errorf("document: it is of type %s, and the role is root", d.document.Type())
	case d.base == nil && version != 1:
		return fmt.Errorf("trusted: root version %d needs the root before it", version)
	case d.base != nil && d.bootstrap != nil:
		return errors.New("bootstrap: settings belong to a first root, and this one has a root before it")
	case d.base != nil && version != d.base.Version()+1:
		return fmt.Errorf("document: root version %d can't follow version %d", version, d.base.Version())
	}
	return nil
}

func (d *Draft) checkDelegated() error {
	switch {
	case rules.IsTopLevelRole(d.role):
		return fmt.Errorf("role: %s is signed by the online key", d.role)
	case d.document.Type() != rstuf.RoleTargets:
		return fmt.Errorf("document: it is of type %s, and role %q must be of type targets", d.document.Type(), d.role)
	case d.base == nil:
		return fmt.Errorf("trusted: role %q needs the targets that delegate to it", d.role)
	case d.bootstrap != nil:
		return errors.New("bootstrap: settings belong to a first root")
	}
	_, err := d.document.Targets()
	return err
}

// checkBootstrap applies RSTUF's rules, since the settings and the root of a
// loaded draft may come from anybody. Whether the root has expired is for a
// review to say.
func (d *Draft) checkBootstrap() error {
	if err := metadata.CheckRoot(d.document, d.document.Expires().Add(-time.Second)); err != nil {
		return err
	}
	if custom := d.bootstrap.Settings.Roles.Delegations; custom != nil {
		if err := metadata.CheckDelegations(custom, nil, mustRoot(d.document)); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	var found problems
	checkBaseURL(&found, d.bootstrap.TargetsBaseURL)
	if err := found.err("bootstrap"); err != nil {
		return err
	}
	if d.bootstrap.FirstGeneration {
		return d.FirstGenerationPayload().Validate()
	}
	return d.Payload().Validate()
}
