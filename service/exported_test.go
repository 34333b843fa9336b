package service_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// deployment is what a deployed RSTUF reads of an export: its two tables, and its
// settings by the names of GET /config/.
type deployment struct {
	*testing.T
	folder    string
	done      *service.Exported
	versions  map[string]int64 // of active roles
	names     []string         // of roles that are not active
	artifacts map[string]string
	byRole    map[string][]string
	waiting   map[string]string // the action of those that are not published, by path
	settings  map[string]json.RawMessage
}

// export stops the service, exports its folder, and looks that nothing of it has
// changed.
func (f *fixture) export() *deployment {
	require.NoError(f, f.svc.Close(context.Background()))
	before := tree(f.T, f.cfg.Dir)
	d := &deployment{T: f.T, folder: filepath.Join(f.TempDir(), "export")}
	var err error
	d.done, err = service.Export(f.Context(), f.cfg, d.folder)
	require.NoError(f, err)
	assert.Equal(f, before, tree(f.T, f.cfg.Dir), "nothing of the source changes")
	d.readTables()
	d.readSettings()
	assert.Len(f, contents(f.T, filepath.Join(d.folder, "metadata")), d.done.Files)
	for _, data := range tree(f.T, d.folder) {
		assert.NotContains(f, data, "PRIVATE KEY")
	}
	return d
}

// tree is all files of a folder and of those in it.
func tree(t *testing.T, folder string) map[string]string {
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			all[path] = "folder"
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	}))
	return all
}

// file is one of the export.
func (d *deployment) file(name string) []byte {
	data, err := os.ReadFile(filepath.Join(d.folder, filepath.FromSlash(name)))
	require.NoError(d, err)
	return data
}

// rows are those of a COPY of a script.
func (d *deployment) rows(script, table string) (rows [][]string) {
	_, rest, ok := strings.Cut(script, "COPY "+table+" (")
	require.True(d, ok, table)
	_, rest, _ = strings.Cut(rest, "FROM stdin;\n")
	data, _, ok := strings.Cut(rest, `\.`+"\n")
	require.True(d, ok, table)
	unescape := strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r")
	for line := range strings.Lines(data) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i := range row {
			row[i] = unescape.Replace(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

func (d *deployment) readTables() {
	script := string(d.file("tables.sql"))
	d.versions, d.artifacts, d.byRole, d.waiting = map[string]int64{}, map[string]string{}, map[string][]string{}, map[string]string{}
	roles := map[string]string{}
	for _, row := range d.rows(script, "rstuf_target_roles") {
		require.Len(d, row, 6)
		_, err := time.Parse(time.DateTime, row[2])
		assert.NoError(d, err)
		version, err := strconv.ParseInt(row[3], 10, 64)
		assert.NoError(d, err)
		if row[4] == "f" {
			d.names = append(d.names, row[1])
			continue
		}
		roles[row[0]], d.versions[row[1]] = row[1], version
	}
	for _, row := range d.rows(script, "rstuf_target_files") {
		require.Len(d, row, 6)
		assert.Contains(d, []string{"t ADD", "f ADD", "f REMOVE"}, row[2]+" "+row[3])
		if row[2] == "f" {
			d.waiting[row[0]] = row[3]
		}
		assert.True(d, json.Valid([]byte(row[1])), row[1])
		require.NotContains(d, d.artifacts, row[0], "the table has a path once")
		require.Contains(d, roles, row[5])
		d.artifacts[row[0]] = row[1]
		d.byRole[roles[row[5]]] = append(d.byRole[roles[row[5]]], row[0])
	}
	assert.Equal(d, d.done.Roles, len(roles)+len(d.names))
	assert.Equal(d, d.done.Artifacts, len(d.artifacts))
	assert.Equal(d, d.done.Unpublished, len(d.waiting))
}

var settingLine = regexp.MustCompile(`^HSET RSTUF_IMPORT ("[^"]+") (".*")$`)

func (d *deployment) readSettings() {
	lines := strings.Split(strings.TrimSuffix(string(d.file("settings.redis")), "\n"), "\n")
	assert.Equal(d, []string{"SELECT 1", "MULTI", "DEL RSTUF_IMPORT"}, lines[:3])
	assert.Equal(d, []string{"RENAMENX RSTUF_IMPORT DYNACONF_MAIN", "EXEC"}, lines[len(lines)-2:])
	d.settings = map[string]json.RawMessage{}
	for _, line := range lines[3 : len(lines)-2] {
		parts := settingLine.FindStringSubmatch(line)
		require.NotNil(d, parts, line)
		name, err := strconv.Unquote(parts[1])
		require.NoError(d, err)
		value, err := strconv.Unquote(parts[2])
		require.NoError(d, err)
		assert.Equal(d, strings.ToUpper(name), name)
		form, text, typed := strings.Cut(value, " ")
		switch {
		case !typed:
			raw, _ := json.Marshal(value)
			text = string(raw)
		case form == "@none":
			text = "null"
		case form == "@bool":
			text = strings.ToLower(text)
		default:
			assert.Contains(d, []string{"@json", "@int"}, form)
		}
		d.settings[strings.ToLower(name)] = json.RawMessage(text)
	}
}

// told are the settings as the deployed API answers with them.
func (d *deployment) told() *rstuf.RepositorySettings {
	raw, err := json.Marshal(d.settings)
	require.NoError(d, err)
	var settings rstuf.RepositorySettings
	require.NoError(d, json.Unmarshal(raw, &settings))
	return &settings
}

// adopted is another service that has taken over from the export.
func (d *deployment) adopted(f *fixture, pending *rstuf.PendingMetadata) *fixture {
	source := service.Source{URL: "file://" + filepath.ToSlash(filepath.Join(d.folder, "metadata")), Root: d.file("metadata/1.root.json"), Wait: time.Millisecond, Settings: d.told(), Pending: pending}
	next := &fixture{T: f.T, now: f.clock(), cfg: f.cfg, alice: f.alice, bob: f.bob, online: f.online}
	next.cfg.Dir, next.cfg.Now = filepath.Join(f.TempDir(), "next"), next.clock
	_, err := service.Adopt(f.Context(), next.cfg, source)
	require.NoError(d, err)
	next.start()
	d.Cleanup(func() { assert.NoError(d, next.svc.Close(context.Background())) })
	return next
}

// A repository of hash bins: the deployment has its artifacts, lives, versions and
// files, and a service that takes over from them goes on.
func TestExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	odd := adding("plain", `dir/ünï "q" 'x'`)
	odd.Artifacts[1].Info.Custom = json.RawMessage(`{"note":"a\nb\tc\\.","big":1,"\\.":"é"}`)
	f.ok(f.post("/artifacts/", odd))
	f.ok(f.accepted("PUT", "/config/", []byte(`{"settings":{"expiration":{"bins":5,"timestamp":2}}}`)))
	f.ok(f.update(f.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) }, f.alice, f.bob)))
	was, settings := f.audit(), f.settings()

	d := f.export()
	assert.Equal(t, []int64{2, was.Timestamp}, []int64{d.done.Root, d.done.Timestamp})
	assert.Empty(t, d.names)
	assert.Len(t, d.versions, 4)
	for role, version := range d.versions {
		assert.Equal(t, was.Roles[role], version, role)
	}
	for path, form := range was.Artifacts {
		got, err := canonical.Transform([]byte(d.artifacts[path]))
		require.NoError(t, err, path)
		assert.Equal(t, form, string(got))
	}
	assert.Len(t, d.artifacts, 2)
	for role, paths := range was.ByRole {
		assert.ElementsMatch(t, paths, d.byRole[role], role)
	}
	assert.Equal(t, settings, d.told())
	assert.Equal(t, `"`+settings.Bootstrap+`"`, string(d.settings["bootstrap"]))
	left := strings.Join(d.done.Left, "\n")
	assert.Contains(t, left, "the file "+strings.TrimPrefix(d.done.OnlineKey, "fn:")+" in its RSTUF_ONLINE_KEY_DIR")
	for _, line := range d.done.Left {
		assert.Contains(t, string(d.file("README.md")), line)
	}

	reader, err := repository.New(repository.Config{MetadataURL: "file://" + filepath.ToSlash(filepath.Join(d.folder, "metadata")), Now: f.clock}, repository.TrustRoot(d.file("metadata/1.root.json")))
	require.NoError(t, err)
	seen := 0
	for artifact, err := range reader.Artifacts(t.Context()) {
		require.NoError(t, err)
		assert.Contains(t, d.artifacts, artifact.Path)
		seen++
	}
	assert.Equal(t, 2, seen)
	next := d.adopted(f, nil)
	assert.Equal(t, was.Artifacts, next.audit().Artifacts)
	assert.Equal(t, settings.Expiration, next.settings().Expiration)
	next.ok(next.post("/artifacts/", adding("more")))
	assert.Len(t, next.audit().Artifacts, 3)

	f.start() // the fixture closes it
}

// What was accepted and not published waits there too, as the next publication
// would leave it, and here. Where the service keeps its database and its files is
// no matter.
func TestExportUnpublished(t *testing.T) {
	t.Parallel()
	database := t.TempDir()
	f := newFixture(t, func(c *service.Config) {
		files, err := service.NewFolder(t.TempDir())
		require.NoError(t, err)
		c.Storage = files
		c.Store = func(context.Context) (service.Store, error) { return service.OpenDatabase(database) }
	})
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("kept", "changed", "removed", "back")))
	was := f.audit()
	changed := artifact("changed")
	changed.Info.Length = 4711
	for _, request := range []any{
		rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact("new"), artifact("brief"), changed}, SkipPublish: true},
		rstuf.DeleteArtifacts{Artifacts: []string{"removed", "back", "brief", "never"}, SkipPublish: true},
		rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact("back")}, SkipPublish: true},
	} {
		path := "/artifacts/"
		if _, ok := request.(rstuf.DeleteArtifacts); ok {
			path += "delete"
		}
		f.post(path, request)
	}

	d := f.export()
	assert.Equal(t, map[string]string{"new": "ADD", "changed": "ADD", "removed": "REMOVE", "back": "ADD"}, d.waiting)
	assert.Len(t, d.artifacts, 5)
	assert.JSONEq(t, was.Artifacts["kept"], d.artifacts["kept"])
	assert.Contains(t, d.artifacts["changed"], "4711")
	assert.JSONEq(t, was.Artifacts["removed"], d.artifacts["removed"])
	assert.Contains(t, string(d.file("README.md")), "Not published yet: 4 changes of artifacts")
	f.start()
	f.ok(f.post("/artifacts/publish/", nil))
	assert.Len(t, f.audit().Artifacts, 4)
}

// Custom roles: what waits for signatures goes on waiting, with its artifacts, a
// removed name stays used, and what no client finds is said.
func TestExportCustomRoles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	dev := tuftest.Key(t, "dev")
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins, p.Delegations = 0, []ceremony.Role{
			{Name: "dev", Paths: []string{"dev/*"}, Days: 7, Keys: []keys.Public{dev.Public()}, Threshold: 1},
			{Name: "new", Paths: []string{"new/*"}, Days: 7, Keys: []keys.Public{dev.Public()}, Threshold: 1},
			{Name: "pub", Paths: []string{"pub/*"}, Days: 9},
			{Name: "gone", Paths: []string{"gone/*"}, Days: 9},
			{Name: "moved", Paths: []string{"moved/*", "pub/*"}, Days: 9},
		}
	})
	f.ok(f.sign("dev", dev))
	f.ok(f.post("/artifacts/", adding("dev/a", "pub/b", "gone/c", "moved/d")))
	f.ok(f.post("/delegations/delete", rstuf.DelegationsDelete{Roles: []string{"gone"}}))
	moved := rstuf.DelegatedRole{Name: "moved", KeyIDs: []string{}, Threshold: 1, Paths: []string{"elsewhere/*"}, ExpirePolicy: 9}
	f.ok(f.accepted("PUT", "/delegations/", rstuf.DelegationsUpdate{Delegations: rstuf.Delegations{Keys: map[string]rstuf.Key{}, Roles: []rstuf.DelegatedRole{moved}}}))
	pending, was := f.pending(), f.audit()

	d := f.export()
	assert.Equal(t, []string{"dev", "new"}, d.done.Signing)
	assert.Equal(t, []string{"gone"}, d.names)
	assert.Equal(t, map[string]int64{"dev": 1, "new": 1, "pub": was.Roles["pub"], "moved": was.Roles["moved"]}, d.versions)
	assert.Equal(t, map[string][]string{"dev": {"dev/a"}, "pub": {"pub/b"}}, d.byRole)
	assert.JSONEq(t, string(pending.Roles["dev"]), string(d.settings["dev_signing"]))
	assert.Equal(t, "null", string(d.settings["root_signing"]))
	assert.Contains(t, strings.Join(d.done.Left, "\n"), "Artifacts that no client finds, since their role does not cover them or an earlier one has them too: 1.")

	next := d.adopted(f, &pending)
	next.ok(next.sign("dev", dev))
	assert.Contains(t, next.audit().Artifacts, "dev/a")
	f.start()
}

// The settings of each recorded deployment, taken over and exported, are those that
// it had.
func TestExportRecordings(t *testing.T) {
	t.Parallel()
	for _, s := range loadScenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			had := last[map[string]json.RawMessage](t, s, "config.get.final")
			if had == nil {
				t.Skip("its settings are not recorded")
			}
			o := recordedFiles(t, s)
			o.source.Settings = last[rstuf.RepositorySettings](t, s, "config.get.final")
			o.source.Settings.TrustedRoot = o.newestRoot().Bytes()
			o.source.Pending = &rstuf.PendingMetadata{Roles: map[string]json.RawMessage{}}
			if doc := o.source.Settings.Signing["rel"]; doc != nil {
				o.source.Pending.Roles["rel"] = doc
			}
			f, _ := o.adopt()
			was := f.audit()
			d := f.export()
			f.start()
			var removed []string
			for name, value := range *had {
				role, _, _ := strings.Cut(name, "_expiration")
				switch {
				case name == "trusted_root", name == "online_key": // the last rotation is taken back
				case name == "trusted_targets", name == "delegations": // compared below, or in lower case
				case name == "root_num_keys": // of signatures, there
				case slices.Contains(d.names, role): // a removed role's life
					removed = append(removed, role)
				case strings.HasSuffix(name, "_signing") && string(value) == "null":
				case name == "rel_signing": // it had ended, and was made anew when it was taken over
					assert.Contains(t, string(d.settings[name]), `"targets"`)
				default:
					assert.JSONEq(t, string(value), string(d.settings[name]), name)
				}
			}
			for name := range d.settings {
				if !strings.HasSuffix(name, "_signing") {
					assert.Contains(t, *had, name)
				}
			}
			assert.ElementsMatch(t, removed, d.names)
			for path := range was.Artifacts {
				assert.Contains(t, d.artifacts, path)
			}
		})
	}
}

// What can't be exported is refused, and leaves nothing.
func TestExportRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	parent := t.TempDir()
	folder := filepath.Join(parent, "export")
	refuses := func(want string, is error) {
		t.Helper()
		_, err := service.Export(t.Context(), f.cfg, folder)
		require.ErrorContains(t, err, want)
		if is != nil {
			require.ErrorIs(t, err, is)
		}
		entries, err := os.ReadDir(parent)
		require.NoError(t, err)
		assert.Empty(t, entries)
	}
	refuses("in use by process", service.ErrLocked)
	require.NoError(t, f.svc.Close(t.Context()))
	refuses("nothing is published yet: a ceremony", nil)
	f.start()
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a")))
	require.NoError(t, f.svc.Close(t.Context()))

	there := f.cfg.Dir
	f.cfg.Dir = filepath.Join(parent, "none")
	refuses("it is not the folder of a service", fs.ErrNotExist)
	f.cfg.Dir = there
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := service.Export(canceled, f.cfg, folder)
	require.ErrorIs(t, err, context.Canceled)

	for _, name := range []string{"1.root.json", "1.targets.json", "timestamp.json"} {
		file := filepath.Join(there, "metadata", name)
		right, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, []byte("{}"), 0o644))
		if name != "1.root.json" { // the newest, which state.db has
			refuses("is damaged", nil)
		}
		require.NoError(t, os.Remove(file))
		if name != "1.root.json" {
			refuses("missing", service.ErrInconsistent)
		}
		require.NoError(t, os.WriteFile(file, right, 0o644))
	}
	_, err = service.Export(t.Context(), f.cfg, folder)
	require.NoError(t, err)
	before := tree(t, folder)
	_, err = service.Export(t.Context(), f.cfg, folder)
	require.ErrorIs(t, err, fs.ErrExist)
	assert.Equal(t, before, tree(t, folder))
	f.start()
}
