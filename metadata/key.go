package metadata

import "example.org/rstuf"

// Fields of a key object. Unlike encoding/json this package takes them by
// their exact names, as every other TUF implementation does.
const (
	fieldKeyName   = "x-rstuf-key-name"
	fieldOnlineURI = "x-rstuf-online-key-uri"
	fieldKeyVal    = "keyval"
)

// readKey reads a key object. A keyval with other values than strings belongs
// to a kind of key that is not known here: it is kept among the extra fields.
func readKey(raw []byte) (rstuf.Key, error) {
	r := readObject(raw)
	k := rstuf.Key{KeyType: r.string("keytype"), Scheme: r.string("scheme")}
	k.Name = r.stringIfSet(fieldKeyName)
	k.OnlineURI = r.stringIfSet(fieldOnlineURI)
	if keyVal, ok := r.take(fieldKeyVal); ok {
		value := map[string]string{}
		err := readEach(keyVal, func(name string, raw []byte) (err error) {
			value[name], err = readString(raw)
			return err
		})
		if err == nil {
			k.Value = value
		} else {
			r.rest[fieldKeyVal] = keyVal
		}
	}
	k.Extra = r.extra()
	return k, r.err
}

// stringIfSet takes an optional field; what is no string or is empty stays
// among the extra fields.
func (r *reader) stringIfSet(name string) string {
	raw := r.rest[name]
	if len(raw) < len(`"x"`) || raw[0] != '"' {
		return ""
	}
	return r.string(name)
}

func (w *writer) keys(list map[string]rstuf.Key) {
	all := newWriter(nil)
	for id, k := range list {
		inner := newWriter(k.Extra)
		inner.string("keytype", k.KeyType)
		inner.string("scheme", k.Scheme)
		if _, ok := k.Extra[fieldKeyVal]; !ok {
			inner.stringMap(fieldKeyVal, k.Value)
		}
		inner.stringIfSet(fieldKeyName, k.Name)
		inner.stringIfSet(fieldOnlineURI, k.OnlineURI)
		all.object(id, inner)
	}
	w.object("keys", all)
}

func (w *writer) stringIfSet(name, s string) {
	if s != "" {
		w.string(name, s)
	}
}
