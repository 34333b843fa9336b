package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"example.org/rstuf/service"
)

// placeFlags say where a service's repository is.
type placeFlags struct {
	dir, bucket      string
	database, schema string
}

// add adds the flags, whose names begin with a prefix.
func (p *placeFlags) add(flags *pflag.FlagSet, prefix, dir, dirText string) {
	flags.StringVar(&p.dir, prefix+"dir", dir, dirText)
	flags.StringVar(&p.bucket, prefix+"bucket", "", "keep the metadata files in a bucket, `URL` s3://NAME/PREFIX, in place of DIR/metadata")
	flags.StringVar(&p.database, prefix+"database", "", "keep the database in PostgreSQL, whose address is in this `FILE`, in place of DIR/state.db")
	flags.StringVar(&p.schema, prefix+"schema", "", "with --"+prefix+"database, the `NAME` of the repository's schema (default rstuf)")
}

// open is the configuration of a service as far as these flags say it.
func (p *placeFlags) open(ctx context.Context, a *app, prefix string, lease time.Duration) (service.Config, error) {
	cfg := service.Config{Dir: p.dir, Logger: slog.New(slog.NewTextHandler(a.stderr, nil))}
	if p.bucket != "" {
		storage, err := a.parts.storage(ctx, p.bucket)
		if err != nil {
			return cfg, fmt.Errorf("--%sbucket: %w", prefix, err)
		}
		cfg.Storage = storage
	}
	if p.database == "" && p.schema != "" {
		return cfg, usagef("--%sschema goes with --%sdatabase", prefix, prefix)
	}
	if p.database != "" {
		shared, err := a.parts.shared(ctx, p.database, p.schema, lease)
		if err != nil {
			return cfg, fmt.Errorf("--%sdatabase: %w", prefix, err)
		}
		if p.bucket != "" { // neither is on this machine
			cfg.Replicas = shared
		} else {
			cfg.Store = shared.Open
		}
	}
	return cfg, nil
}

// serviceFlags say where a service's repository and its online key are.
type serviceFlags struct {
	placeFlags
	lease               time.Duration
	uris                uriFlags
	schemes, onlineKeys []string
	password            secretFlags
}

func (r *serviceFlags) add(flags *pflag.FlagSet) {
	r.placeFlags.add(flags, "", "rstuf-data", "`FOLDER` of the repository; serve makes it if it does not exist")
	flags.DurationVar(&r.lease, "lease", 0, "with --database, for how long a service that has died keeps others out, `TIME` (default 3s)")
	r.uris.add(flags, "", " (default DIR/keys)")
	flags.StringArrayVar(&r.schemes, "key-scheme", nil, "open online keys of this `SCHEME`, such as file2, when root names one; may be repeated")
	flags.StringArrayVar(&r.onlineKeys, "online-key", nil, "an online key, `FILE` or URI; may be repeated, for a change of keys")
	r.password.add(flags, "password", "the password of --online-key and of files in --key-dir")
}

func (r *serviceFlags) setDefaults() {
	if r.uris.dir == "" {
		r.uris.dir = filepath.Join(r.dir, "keys")
	}
}

// config is the service's configuration as far as these flags say it. Online
// keys are opened.
func (r *serviceFlags) config(ctx context.Context, a *app) (service.Config, error) {
	r.setDefaults()
	if r.database == "" && r.lease != 0 {
		return service.Config{}, usagef("--lease goes with --database")
	}
	cfg, err := r.placeFlags.open(ctx, a, "", r.lease)
	if err != nil {
		return cfg, err
	}
	cfg.Keys = r.uris.config(ctx, a, &r.password)
	cfg.Keys.Schemes = append(slices.Clone(r.schemes), "fn")
	// Whoever writes a payload would choose a program or a key of the account: of
	// other schemes --key-scheme or --online-key say that they may be opened.
	if cfg.Keys.Openers["hv"] != nil {
		cfg.Keys.Schemes = append(cfg.Keys.Schemes, "hv")
	}
	for _, name := range r.onlineKeys {
		signer, err := a.signer(ctx, name, &r.uris, &r.password)
		if err != nil {
			return cfg, err
		}
		cfg.OnlineKeys = append(cfg.OnlineKeys, signer)
	}
	return cfg, nil
}
