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

// serviceFlags say where a service's repository and its online key are.
type serviceFlags struct {
	dir, bucket         string
	database, schema    string
	lease               time.Duration
	uris                uriFlags
	schemes, onlineKeys []string
	password            secretFlags
}

func (r *serviceFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&r.dir, "dir", "rstuf-data", "`FOLDER` of the repository; serve makes it if it does not exist")
	flags.StringVar(&r.bucket, "bucket", "", "keep the metadata files in a bucket, `URL` s3://NAME/PREFIX, in place of DIR/metadata")
	flags.StringVar(&r.database, "database", "", "keep the database in PostgreSQL, whose address is in this `FILE`, in place of DIR/state.db")
	flags.StringVar(&r.schema, "schema", "", "with --database, the `NAME` of the repository's schema (default rstuf)")
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
	cfg := service.Config{
		Dir:    r.dir,
		Keys:   r.uris.config(ctx, a, &r.password),
		Logger: slog.New(slog.NewTextHandler(a.stderr, nil)),
	}
	cfg.Keys.Schemes = append(slices.Clone(r.schemes), "fn")
	// Whoever writes a payload would choose a program or a key of the account: of
	// other schemes --key-scheme or --online-key say that they may be opened.
	if cfg.Keys.Openers["hv"] != nil {
		cfg.Keys.Schemes = append(cfg.Keys.Schemes, "hv")
	}
	if r.bucket != "" {
		storage, err := a.parts.storage(ctx, r.bucket)
		if err != nil {
			return cfg, err
		}
		cfg.Storage = storage
	}
	if r.database == "" && (r.schema != "" || r.lease != 0) {
		return cfg, usagef("--schema and --lease go with --database")
	}
	if r.database != "" {
		var err error
		if cfg.Store, err = a.parts.store(ctx, r.database, r.schema, r.lease); err != nil {
			return cfg, fmt.Errorf("--database: %w", err)
		}
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
