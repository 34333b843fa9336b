package service

import (
	"example.org/rstuf/metadata"
)

// merge writes an old role and its changes, both sorted by path, as one
// stream.
type merge struct {
	w       *metadata.TargetsWriter
	changed bool
	found   []entry // removals that found something
	scratch []byte
}

func (m *merge) run(old *metadata.Document, list []entry) error {
	if old != nil {
		files, err := old.TargetFiles()
		if err != nil {
			return err
		}
		for path, form := range files {
			for len(list) > 0 && list[0].path < path {
				if list, err = m.apply(list, false, nil); err != nil {
					return err
				}
			}
			if len(list) > 0 && list[0].path == path {
				list, err = m.apply(list, true, form)
			} else {
				err = m.w.AddCanonical(path, form)
			}
			if err != nil {
				return err
			}
		}
	}
	for len(list) > 0 {
		var err error
		if list, err = m.apply(list, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// apply writes what the changes of one path make of it, and returns the
// changes of the paths behind it.
func (m *merge) apply(list []entry, exists bool, form []byte) ([]entry, error) {
	path, existed := list[0].path, exists
	var last string
	for ; len(list) > 0 && list[0].path == path; list = list[1:] {
		last = list[0].form
		if last != "" {
			exists = true
			m.changed = true
		} else if exists {
			m.found = append(m.found, list[0])
			exists = false
			m.changed = m.changed || existed
		}
	}
	if !exists {
		return list, nil
	}
	if last != "" {
		m.scratch = appendForm(m.scratch[:0], last)
		form = m.scratch
	}
	return list, m.w.AddCanonical(path, form)
}
