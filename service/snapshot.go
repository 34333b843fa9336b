package service

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// signSnapshot writes a snapshot straight into canonical form. With 16,384
// hash bins that is many times faster than to build a [metadata.Snapshot], and
// each publication needs one.
func (p *publication) signSnapshot(version int64, expires time.Time, roles *roleTable) ([]byte, error) {
	form := append(make([]byte, 0, 256+40*len(roles.names)), `{"_type":"snapshot","expires":"`...)
	form = expires.UTC().AppendFormat(form, "2006-01-02T15:04:05Z")
	form = append(form, `","meta":{`...)
	first := true
	for role, info := range roles.all() {
		if role == rstuf.RoleSnapshot || role == rstuf.RoleTimestamp {
			continue
		}
		if !first {
			form = append(form, ',')
		}
		first = false
		// Names of roles hold nothing that would have to be escaped.
		form = append(append(append(form, '"'), role...), `.json"`...)
		form = strconv.AppendInt(append(form, `:{"version":`...), info.version, 10)
		form = append(form, '}')
	}
	form = append(form, `},"spec_version":"`+metadata.SpecVersion+`","version":`...)
	form = append(strconv.AppendInt(form, version, 10), '}')

	signers, err := p.openSigners()
	if err != nil {
		return nil, err
	}
	signatures := make([]rstuf.Signature, len(signers))
	for i, signer := range signers {
		sig, err := signer.Sign(p.ctx, form)
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		signatures[i] = rstuf.Signature{KeyID: signer.id, Sig: hex.EncodeToString(sig)}
	}
	list, err := json.Marshal(signatures)
	if err != nil {
		return nil, err
	}
	// Role names hold no control characters, so the canonical form is JSON.
	return slices.Concat([]byte(`{"signatures":`), list, []byte(`,"signed":`), form, []byte{'}'}), nil
}
