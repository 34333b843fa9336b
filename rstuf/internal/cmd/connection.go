package cmd

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"
)

// maxPEM bounds a file of certificates.
const maxPEM = 4 << 20

// tlsFlags say whom to believe a host's name, and who we are.
type tlsFlags struct {
	ca, cert, key string
}

func (f *tlsFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.ca, "ca-file", "", "also trust the certificate authorities of a PEM `FILE`")
	flags.StringVar(&f.cert, "client-cert", "", "show servers the certificate of a PEM `FILE`")
	flags.StringVar(&f.key, "client-key", "", "its private key, a PEM `FILE`; default the file of --client-cert")
}

// config is nil where the flags say nothing.
func (f *tlsFlags) config() (*tls.Config, error) {
	if *f == (tlsFlags{}) {
		return nil, nil
	}
	config := &tls.Config{}
	if f.ca != "" {
		data, err := readBounded(f.ca, maxPEM)
		if err != nil {
			return nil, err
		}
		// Without the system's there are still those of the file.
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s: it holds no certificate in PEM", f.ca)
		}
	}
	if f.cert == "" && f.key != "" {
		return nil, usagef("--client-key needs --client-cert")
	}
	if f.cert != "" {
		key := f.key
		if key == "" {
			key = f.cert
		}
		pair, err := tls.LoadX509KeyPair(f.cert, key)
		if err != nil {
			return nil, fmt.Errorf("--client-cert %s with the key in %s: %w", f.cert, key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// logger logs requests if the flag says so; else it is nil.
func (a *app) logger() *slog.Logger {
	if !a.api.verbose {
		return nil
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
