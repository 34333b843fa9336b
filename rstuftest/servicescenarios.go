package rstuftest

import (
	"strings"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// obj is a JSON object.
type obj = map[string]any

// hashBins is the recorded scenario of that name.
func (s *session) hashBins() {
	people := s.people("alice", "bob", "carol")
	alice, bob, carol := people[0], people[1], people[2]
	draft := s.draft(ceremony.Policy{HashBins: 4}, alice, bob)
	s.beforeBootstrap()
	s.do("pre.metadata.update", "POST", "/metadata/", obj{"metadata": obj{"root": draft.Document()}})
	s.badPayloads(draft)
	unsigned := s.draft(ceremony.Policy{HashBins: 4}, alice, bob)
	s.do("fail.bootstrap.no-signatures", "POST", "/bootstrap/", unsigned.Payload())
	s.do("fail.bootstrap.state-after", "GET", "/bootstrap/", nil)
	s.sign(draft, alice, bob)
	s.do("fail.bootstrap.bad-signature", "POST", "/bootstrap/", changed(draft.Payload(), func(p obj) {
		signature := at(p, "metadata", "root")["signatures"].([]any)[0].(obj)
		signature["sig"] = strings.Repeat("00", 64)
	}))
	s.do("fail.bootstrap.state-after2", "GET", "/bootstrap/", nil)

	s.do("bootstrap.post", "POST", "/bootstrap/", draft.Payload())
	s.do("bootstrap.get.locked", "GET", "/bootstrap/", nil)
	s.do("bootstrap.post.again", "POST", "/bootstrap/", draft.Payload())
	s.do("config.get", "GET", "/config/", nil)
	s.do("config.put", "PUT", "/config/", settings(obj{"timestamp": 2, "snapshot": 3, "nosuchrole": 4}))
	s.do("config.put.bad", "PUT", "/config/", settings(obj{"timestamp": "x"}))
	s.artifactRequests()

	s.do("sign.get.nothing", "GET", "/metadata/sign", nil)
	root := draft.Document()
	s.do("sign.post.nothing", "POST", "/metadata/sign", s.signature("root", root, alice))
	s.do("sign.delete.nothing", "POST", "/metadata/sign/delete", obj{"role": "root"})
	s.nextRoots(root, alice, bob, carol)

	s.do("delegations.delete.bins", "POST", "/delegations/delete", names("dev"))
	s.do("config.get.final", "GET", "/config/", nil)
	s.verify(draft.Document(), "pkg/2/file-2.tar.gz", "uni/ünï.bin", "pkg/50/file-50.tar.gz")
}

func (s *session) beforeBootstrap() {
	s.do("pre.bootstrap.get", "GET", "/bootstrap/", nil)
	s.do("pre.config.get", "GET", "/config/", nil)
	s.do("pre.config.put", "PUT", "/config/", settings(obj{"timestamp": 2}))
	s.do("pre.artifacts.add", "POST", "/artifacts/", artifacts("pkg/1/file-1.tar.gz"))
	s.do("pre.artifacts.delete", "POST", "/artifacts/delete", obj{"artifacts": []string{"x"}})
	s.do("pre.metadata.online", "POST", "/metadata/online", obj{"roles": []string{}})
	s.do("pre.sign.get", "GET", "/metadata/sign", nil)
	s.do("pre.sign.post", "POST", "/metadata/sign", obj{"role": "root", "signature": obj{"keyid": "aa", "sig": "bb"}})
	s.do("pre.sign.delete", "POST", "/metadata/sign/delete", obj{"role": "root"})
	s.do("pre.task.unknown", "GET", "/task/?task_id=doesnotexist", nil)
	s.do("pre.task.missing-param", "GET", "/task/", nil)
	s.do("pre.slashless.bootstrap", "GET", "/bootstrap", nil)
	s.do("pre.slash.sign", "GET", "/metadata/sign/", nil)
	s.do("pre.slashless.publish", "POST", "/artifacts/publish", nil)
	s.do("pre.not-found", "GET", "/nope/", nil)
	s.do("pre.method-not-allowed", "DELETE", "/bootstrap/", nil)
}

func (s *session) badPayloads(draft *ceremony.Draft) {
	bad := func(step string, change func(p obj)) {
		s.do("bad.bootstrap."+step, "POST", "/bootstrap/", changed(draft.Payload(), change))
	}
	s.do("bad.bootstrap.empty", "POST", "/bootstrap/", obj{})
	s.do("bad.bootstrap.not-json", "POST", "/bootstrap/", []byte("{not json"))
	bad("no-settings", func(p obj) { delete(p, "settings") })
	bad("bins-3-ok?", func(p obj) { at(p, "settings", "roles", "bins")["number_of_delegated_bins"] = 1 })
	bad("bins-too-many", func(p obj) { at(p, "settings", "roles", "bins")["number_of_delegated_bins"] = 16385 })
	bad("expiration-zero", func(p obj) { at(p, "settings", "roles", "root")["expiration"] = 0 })
	bad("both-bins-and-delegations", func(p obj) {
		at(p, "settings", "roles")["delegations"] = obj{"keys": obj{}, "roles": []any{}}
	})
	bad("neither", func(p obj) { delete(at(p, "settings", "roles"), "bins") })
	bad("unknown-signed-field", func(p obj) { at(p, "metadata", "root", "signed")["foo"] = "bar" })
}

func (s *session) artifactRequests() {
	s.do("artifacts.add", "POST", "/artifacts/", artifacts("pkg/1/file-1.tar.gz", "pkg/2/file-2.tar.gz", "uni/ünï.bin"))
	s.do("artifacts.add.duplicate", "POST", "/artifacts/", artifacts("pkg/1/file-1.tar.gz"))
	s.do("artifacts.delete", "POST", "/artifacts/delete", obj{"artifacts": []string{"pkg/1/file-1.tar.gz", "no/such/path"}})
	s.do("artifacts.delete.empty", "POST", "/artifacts/delete", obj{"artifacts": []string{}})
	s.do("artifacts.publish", "POST", "/artifacts/publish/", nil)
	s.do("artifacts.add.bad-length", "POST", "/artifacts/", obj{"artifacts": []any{obj{"path": "x", "info": obj{"length": "abc", "hashes": obj{}}}}})
	s.do("artifacts.add.no-hashes", "POST", "/artifacts/", obj{"artifacts": []any{obj{"path": "x", "info": obj{"length": 1}}}})
	s.do("artifacts.add.empty-list", "POST", "/artifacts/", artifacts())
	s.do("artifacts.add.empty", "POST", "/artifacts/", obj{})
}

// nextRoots goes from root to root, signed at once and one by one.
func (s *session) nextRoots(root *metadata.Document, alice, bob, carol *keys.Private) {
	update := func(step string, draft *ceremony.Draft) {
		s.do(step, "POST", "/metadata/", obj{"metadata": obj{"root": draft.Document()}})
	}
	second := s.next(root, ceremony.Change{AddRootKeys: []keys.Public{carol.Public()}}, alice, bob)
	update("metadata.update.signed", second)
	update("metadata.update.bad-version", second)
	third := s.next(second.Document(), ceremony.Change{Days: 400}, alice)
	update("metadata.update.pending", third)
	s.do("sign.get.pending", "GET", "/metadata/sign", nil)
	wrong := s.signature("root", third.Document(), bob)
	wrong.Signature.Sig = strings.Repeat("00", 64)
	s.do("sign.post.invalid", "POST", "/metadata/sign", wrong)
	s.do("sign.post.first", "POST", "/metadata/sign", s.signature("root", third.Document(), bob))
	s.do("sign.get.pending2", "GET", "/metadata/sign", nil)
	s.do("sign.post.last", "POST", "/metadata/sign", s.signature("root", third.Document(), carol))
	s.sign(third, bob)
	update("metadata.update.pending2", s.next(third.Document(), ceremony.Change{Days: 500}, alice))
	s.do("sign.delete", "POST", "/metadata/sign/delete", obj{"role": "root"})
	update("metadata.update.online-key", s.next(third.Document(), ceremony.Change{OnlineKey: s.online[1]}, alice, bob))
	s.do("artifacts.add.after-rotation", "POST", "/artifacts/", artifacts("pkg/50/file-50.tar.gz"))
}

// distributedSigning is the recorded scenario of that name.
func (s *session) distributedSigning() {
	people := s.people("alice", "bob")
	draft := s.draft(ceremony.Policy{HashBins: 4}, people...)
	s.sign(draft, people[0])
	s.do("bootstrap.post", "POST", "/bootstrap/", draft.Payload())
	s.do("bootstrap.get.signing", "GET", "/bootstrap/", nil)
	s.do("bootstrap.post.again", "POST", "/bootstrap/", draft.Payload())
	s.do("config.get.signing", "GET", "/config/", nil)
	s.do("artifacts.add.signing", "POST", "/artifacts/", artifacts("pkg/1/file-1.tar.gz"))
	s.do("sign.get", "GET", "/metadata/sign", nil)
	s.do("sign.delete", "POST", "/metadata/sign/delete", obj{"role": "root"})
	s.do("bootstrap.get.after-delete", "GET", "/bootstrap/", nil)
	s.do("bootstrap.post.2", "POST", "/bootstrap/", draft.Payload())
	s.do("sign.post", "POST", "/metadata/sign", s.signature("root", draft.Document(), people[1]))
	s.do("bootstrap.get.finished", "GET", "/bootstrap/", nil)
	s.sign(draft, people[1]) // as the service has it
	s.verify(draft.Document())
}

// customDelegations is the recorded scenario of that name.
func (s *session) customDelegations() {
	people := s.people("alice", "bob", "dev1", "dev2", "dev3")
	dev := people[2:4]
	draft := s.draft(ceremony.Policy{Delegations: []ceremony.Role{
		{Name: "online-role", Paths: []string{"pub/*"}, Days: 30},
		{Name: "dev", Paths: []string{"dev/*"}, Days: 30, Threshold: 2, Keys: []keys.Public{dev[0].Public(), dev[1].Public()}},
	}}, people[:2]...)
	first := func(p obj) obj { return at(p, "settings", "roles", "delegations")["roles"].([]any)[0].(obj) }
	for step, change := range map[string]func(p obj){
		"bad.name":       func(p obj) { first(p)["name"] = "../etc" },
		"bad.no-paths":   func(p obj) { first(p)["paths"] = []any{} },
		"bad.empty-path": func(p obj) { first(p)["paths"] = []any{""} },
	} {
		s.do(step, "POST", "/bootstrap/", changed(draft.Payload(), change))
	}
	s.sign(draft, people[:2]...)
	s.do("bootstrap.post", "POST", "/bootstrap/", draft.Payload())
	s.do("bootstrap.get", "GET", "/bootstrap/", nil)
	s.do("config.get", "GET", "/config/", nil)
	s.do("artifacts.add.online", "POST", "/artifacts/", artifacts("pub/a.tgz", "nowhere/b.tgz"))
	s.signPending("sign.get", []string{"sign.post.dev.1", "sign.post.dev.2"}, dev)
	s.do("sign.get.after", "GET", "/metadata/sign", nil)
	s.do("artifacts.add.offline", "POST", "/artifacts/", artifacts("dev/x.tgz"))
	s.signPending("sign.get.dev-artifact", []string{"sign.post.dev-artifact.0", "sign.post.dev-artifact.1"}, dev)

	rel := people[4].Public()
	s.do("delegations.add", "POST", "/delegations/", delegations(rel,
		obj{"name": "extra", "terminating": true, "keyids": []string{}, "threshold": 1, "paths": []string{"extra/*"}, "x-rstuf-expire-policy": 30},
		obj{"name": "rel", "terminating": true, "keyids": []string{rel.ID()}, "threshold": 1, "paths": []string{"rel/*"}, "x-rstuf-expire-policy": 30}))
	extra := obj{"name": "extra", "terminating": true, "keyids": []string{}, "threshold": 1, "paths": []string{"extra/*", "more/*"}, "x-rstuf-expire-policy": 60}
	s.do("delegations.add.duplicate", "POST", "/delegations/", delegations(keys.Public{}, extra))
	s.do("delegations.update", "PUT", "/delegations/", delegations(keys.Public{}, extra))
	s.do("delegations.update.unknown", "PUT", "/delegations/", delegations(keys.Public{},
		obj{"name": "ghost", "terminating": true, "keyids": []string{}, "threshold": 1, "paths": []string{"g/*"}, "x-rstuf-expire-policy": 30}))
	s.do("delegations.delete", "POST", "/delegations/delete", names("extra", "ghost"))
	s.do("config.put", "PUT", "/config/", settings(obj{"dev": 9, "online-role": 8}))
	s.do("artifacts.delete", "POST", "/artifacts/delete", obj{"artifacts": []string{"pub/a.tgz"}})
	s.do("config.get.final", "GET", "/config/", nil)
	s.verify(draft.Document(), "dev/x.tgz")
}
