package service

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"example.org/rstuf/internal/rules"
)

// The worker and the API keep settings with dynaconf, which has them in this hash
// of database 1. They are written under another name, which becomes it in one step
// unless it is there.
const (
	settingsHash     = "DYNACONF_MAIN"
	settingsArriving = "RSTUF_IMPORT"
)

// settings writes the settings as commands for redis-cli. They are those of GET
// /config/, which a deployed RSTUF makes of them.
func (e *exporter) settings(f io.Writer) error {
	settings, err := e.repo.settings()
	if err != nil {
		return err
	}
	settings.Bootstrap = settingID(settings.Bootstrap)
	raw, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	var flat map[string]json.RawMessage
	if err := json.Unmarshal(raw, &flat); err != nil {
		return err
	}
	if settings.OnlineKey != nil {
		e.done.OnlineKey = settings.OnlineKey.OnlineURI
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "SELECT 1\nMULTI\nDEL %s\n", settingsArriving)
	for _, name := range slices.Sorted(maps.Keys(flat)) {
		value, err := dynaconfValue(flat[name])
		if err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
		fmt.Fprintf(w, "HSET %s %s %s\n", settingsArriving, redisText(strings.ToUpper(name)), redisText(value))
	}
	fmt.Fprintf(w, "RENAMENX %s %s\nEXEC\n", settingsArriving, settingsHash)
	return w.Flush()
}

// dynaconfValue is a value as dynaconf writes it.
func dynaconfValue(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case 'n':
		return "@none ", nil
	case 't':
		return "@bool True", nil
	case 'f':
		return "@bool False", nil
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	case '{', '[':
		var short bytes.Buffer
		err := json.Compact(&short, raw)
		return "@json " + short.String(), err
	}
	return "@int " + string(raw), nil
}

// settingID is the id of the bootstrap's task as it can stand in the settings. What
// dynaconf would take for a number, or for something to work out, and what RSTUF
// would take for the mark of a bootstrap under way, becomes another id.
func settingID(id string) string {
	if rules.IsLowerHex(id) && strings.ContainsAny(id, "acdf") {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "f" + hex.EncodeToString(sum[:])[:31]
}

// redisText is a value between quotes as redis-cli reads it.
func redisText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
