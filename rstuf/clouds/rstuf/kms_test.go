package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	artifacts "example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/kmstest"
	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/keys"
	"example.org/rstuf/keys/kms/aws"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

// way is how one replica reaches key services.
type way struct {
	closed map[string]*atomic.Bool // by URI: these it can neither open nor use
	silent atomic.Bool             // nothing that it asks is answered
}

func (w *way) ask(ctx context.Context, uri string) error {
	if w.silent.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if w.closed[uri].Load() {
		return errors.New("this machine may not use " + uri)
	}
	return nil
}

// open is the opener of awskms for a replica.
func (w *way) open(ctx context.Context, uri string, cfg keys.URIConfig) (keys.Signer, error) {
	if err := w.ask(ctx, uri); err != nil {
		return nil, err
	}
	signer, err := aws.Open(ctx, uri, cfg)
	return signerOnWay{signer, w, uri}, err
}

type signerOnWay struct {
	keys.Signer
	way *way
	uri string
}

func (s signerOnWay) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if err := s.way.ask(ctx, s.uri); err != nil {
		return nil, err
	}
	return s.Signer.Sign(ctx, message)
}

// cloud are replicas that meet in memory, or in PostgreSQL if there is one, and sign with
// keys of AWS KMS.
type cloud struct {
	*testing.T
	shared    deposable
	dir       string
	alice     *keys.Private
	kms       [2]*kmstest.AWS
	first     *metadata.Document
	replicas  []*service.Replica
	ended     map[int]bool
	ways      []*way
	happened  chan event.Kind
	published int
}

// deposable is where replicas meet and the one that publishes can lose the right to.
type deposable interface {
	service.Shared
	Depose(while time.Duration)
}

// inPostgres is a schema in which replicas meet.
type inPostgres struct {
	*postgres.Database
	t    *testing.T
	pool *pgxpool.Pool
	name string
}

// Depose ends the lease and gives it another epoch, which its holder finds out by itself.
func (p inPostgres) Depose(time.Duration) {
	_, err := p.pool.Exec(p.t.Context(), "update "+pgx.Identifier{p.name, "rstuf_lease"}.Sanitize()+" set epoch = epoch + 1, ends = '-infinity'")
	require.NoError(p.t, err)
}

func meetingPlace(t *testing.T) deposable {
	if *postgresURL == "" {
		return &sharedtest.Shared{}
	}
	pool, err := pgxpool.New(t.Context(), *postgresURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	p := inPostgres{t: t, pool: pool, name: fmt.Sprint("kms ", time.Now().UnixNano())}
	p.Database, err = postgres.New(pool, postgres.Config{Schema: p.name})
	require.NoError(t, err)
	return p
}

func newCloud(t *testing.T, n int) *cloud {
	c := &cloud{T: t, shared: meetingPlace(t), dir: t.TempDir(), ended: map[int]bool{}, happened: make(chan event.Kind, 100)}
	for i := range c.kms {
		c.kms[i] = kmstest.StartAWS(t, t.TempDir())
	}
	for name, value := range c.kms[0].Env { // whose certificate is the other one's too
		t.Setenv(name, value)
	}
	var err error
	c.alice, err = keys.Generate(keys.Ed25519, "alice")
	require.NoError(t, err)
	for range n {
		c.ways = append(c.ways, &way{closed: map[string]*atomic.Bool{c.kms[0].URI: {}, c.kms[1].URI: {}}})
		c.replicas = append(c.replicas, nil)
		c.start(len(c.ways) - 1)
	}
	draft, err := ceremony.New(ceremony.Policy{RootKeys: []keys.Public{c.alice.Public()}, Threshold: 1, AllowThresholdOneUnsafe: true,
		OnlineKey: c.online(0).Public().WithOnlineURI(c.kms[0].URI), HashBins: 2})
	require.NoError(t, err)
	require.NoError(t, draft.Sign(t.Context(), c.alice))
	_, err = bootstrap.Run(t.Context(), c.api(n-1), draft.Payload())
	require.NoError(t, err)
	c.first = draft.Document()
	return c
}

// online is an online key, for who may use it.
func (c *cloud) online(i int) keys.Signer {
	signer, err := aws.Open(c.Context(), c.kms[i].URI, keys.URIConfig{Name: fmt.Sprint("online", i)})
	require.NoError(c, err)
	return signer
}

func (c *cloud) start(i int) {
	folder, err := service.NewFolder(filepath.Join(c.dir, "metadata"))
	require.NoError(c, err)
	r, err := service.OpenReplica(c.Context(), service.Config{Dir: c.dir, Replicas: c.shared, Storage: folder, UnsafeNoSync: true,
		Keys:   keys.URIConfig{Openers: map[string]keys.URIOpener{"awskms": c.ways[i].open}},
		Events: func(e event.Event) { c.happened <- e.Kind }})
	require.NoError(c, err)
	c.replicas[i], c.ended[i] = r, false
	c.Cleanup(func() { assert.NoError(c, r.Close(context.Background())) })
}

func (c *cloud) end(i int) {
	require.NoError(c, c.replicas[i].Close(context.Background()))
	c.ended[i] = true
}

func (c *cloud) api(i int) *client.Client {
	server := httptest.NewServer(c.replicas[i].Handler())
	c.Cleanup(server.Close)
	api, err := client.New(server.URL, client.Config{})
	require.NoError(c, err)
	return api
}

// publish adds an artifact by one replica.
func (c *cloud) publish(i int) *client.Task {
	c.published++
	task, err := c.api(i).AddArtifacts(c.Context(), artifacts.AddArtifacts{Artifacts: []artifacts.Artifact{{
		Path: fmt.Sprint(c.published), Info: artifacts.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": fmt.Sprintf("%064d", c.published)}}}}})
	require.NoError(c, err)
	return task
}

// done waits for a task, and looks that a client that trusts the first root sees all.
func (c *cloud) done(task *client.Task) {
	c.Helper()
	_, err := task.Wait(c.Context())
	require.NoError(c, err)
	for i, r := range c.replicas {
		if c.ended[i] {
			continue // it learns of nothing any more
		}
		server := httptest.NewServer(r.MetadataHandler())
		reader, err := repository.New(repository.Config{MetadataURL: server.URL}, repository.TrustRoot(c.first.Bytes()))
		require.NoError(c, err)
		count := 0
		for _, err := range reader.Artifacts(c.Context()) {
			require.NoError(c, err)
			count++
		}
		assert.Equal(c, c.published, count)
		server.Close()
	}
}

// rotate makes the root that names the second key and sends it to a replica.
func (c *cloud) rotate(i int) *client.Task {
	draft, err := ceremony.Next(c.Context(), c.first, ceremony.Change{OnlineKey: c.online(1), OnlineURI: c.kms[1].URI})
	require.NoError(c, err)
	require.NoError(c, draft.Sign(c.Context(), c.alice))
	task, err := c.api(i).UpdateMetadata(c.Context(), draft.Update().Metadata["root"])
	require.NoError(c, err)
	return task
}

// leader is the one that publishes.
func (c *cloud) leader() (found int) {
	require.Eventually(c, func() bool {
		found = slices.IndexFunc(c.replicas, func(r *service.Replica) bool { return r.Status().Leads })
		return found >= 0
	}, time.Minute, time.Millisecond)
	return found
}

// ready is what /readyz of a replica says.
func (c *cloud) ready(i int) (int, string) {
	w := httptest.NewRecorder()
	c.replicas[i].Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	text, err := io.ReadAll(w.Body)
	require.NoError(c, err)
	return w.Code, string(text)
}

// signedBy says which of the two keys have signed a file.
func (c *cloud) signedBy(name string) (by []int) {
	data, err := os.ReadFile(filepath.Join(c.dir, "metadata", name))
	require.NoError(c, err)
	doc, err := metadata.Parse(data)
	require.NoError(c, err)
	for i := range c.kms {
		key := c.online(i).Public()
		for _, sig := range doc.Signatures() {
			if sig.KeyID == key.ID() && sig.Sig != "" {
				by = append(by, i)
			}
		}
	}
	return by
}

// Whichever replica leads signs with the key in AWS KMS, and with the next one after a
// change of the online key, wherever that was asked for.
func TestReplicasWithKMS(t *testing.T) {
	c := newCloud(t, 3)
	c.done(c.publish(1))
	assert.Equal(t, []int{0}, c.signedBy("timestamp.json"))

	// The one that leads ends, as another one does that is cut off.
	require.Equal(t, 0, c.leader())
	c.end(0)
	c.done(c.publish(1))
	c.start(0)
	c.shared.Depose(0)
	c.done(c.publish(2))

	c.done(c.rotate(0))
	assert.Equal(t, []int{0, 1}, c.signedBy("timestamp.json"), "for clients with the old root")
	assert.Equal(t, []int{0, 1}, c.signedBy("3.targets.json"))
	bins, err := filepath.Glob(filepath.Join(c.dir, "metadata", "*.bins-0.json"))
	require.NoError(t, err)
	assert.Equal(t, []int{1}, c.signedBy(filepath.Base(slices.Max(bins))))
	leads := c.leader()
	c.end(leads)
	c.done(c.publish((leads + 1) % 3))
	assert.Equal(t, []int{1}, c.signedBy("timestamp.json"))
}

// A replica that may not use the next online key says so, though it follows, and does
// not keep others from publishing when it leads.
func TestReplicaWithoutTheNextKey(t *testing.T) {
	c := newCloud(t, 2)
	c.ways[1].closed[c.kms[1].URI].Store(true)
	code, _ := c.ready(1)
	assert.Equal(t, http.StatusOK, code)
	c.done(c.rotate(1))
	require.Eventually(t, func() bool { code, _ := c.ready(1); return code == http.StatusServiceUnavailable }, time.Minute, time.Millisecond)
	assert.ErrorContains(t, c.replicas[1].Status().Paused, "this machine may not use "+c.kms[1].URI)
	code, _ = c.ready(0)
	assert.Equal(t, http.StatusOK, code)
	c.done(c.publish(1))

	c.end(0)
	require.Equal(t, 1, c.leader())
	task := c.publish(1)
	c.start(0)
	begun := time.Now()
	c.done(task)
	assert.Less(t, time.Since(begun), 10*time.Second)
	assert.Equal(t, 0, c.leader())
	assert.Equal(t, []int{1}, c.signedBy("timestamp.json"))

	c.ways[1].closed[c.kms[1].URI].Store(false)
	require.Eventually(t, func() bool { code, _ := c.ready(1); return code == http.StatusOK }, time.Minute, 5*time.Millisecond)
	c.end(0)
	c.done(c.publish(1))
}

// A change to an online key that whoever leads can't open is refused, as by a service
// that is alone, and changes nothing.
func TestReplicasRefuseAKeyOutOfReach(t *testing.T) {
	c := newCloud(t, 2)
	c.ways[0].closed[c.kms[1].URI].Store(true)
	_, err := c.rotate(1).Wait(t.Context())
	require.ErrorContains(t, err, "the online key can't be opened")
	assert.NotContains(t, err.Error(), c.kms[1].URI, "that is for the log")
	c.done(c.publish(1))
	assert.Equal(t, []int{0}, c.signedBy("timestamp.json"))
	c.ways[0].closed[c.kms[1].URI].Store(false)
	c.done(c.rotate(1))
	assert.Equal(t, []int{0, 1}, c.signedBy("timestamp.json"))
}

// A replica to which the key service does not answer lets another one publish; if it
// answers nobody, all goes on when it does.
func TestReplicaWithoutAnswersOfKMS(t *testing.T) {
	c := newCloud(t, 2)
	c.ways[0].silent.Store(true)
	begun := time.Now()
	c.done(c.publish(0))
	assert.Less(t, time.Since(begun), 10*time.Second)
	assert.Equal(t, 1, c.leader())
	c.ways[1].silent.Store(true)
	task := c.publish(0)
	require.Eventually(t, func() bool { return c.replicas[1].Status().Paused != nil }, time.Minute, time.Millisecond)
	c.ways[0].silent.Store(false)
	c.ways[1].silent.Store(false)
	c.done(task)
}
