package service_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
	"example.org/rstuf/service/postgres"
)

// This file is one of package service's while .ci/interop-postgres measures.

var (
	bucketURL = flag.String("bucket", "", "address of the bucket for a replica to be measured on, at an S3 server of service/bucket/servertest")
	follows   = flag.Bool("follows", false, "measure one that follows another")
)

// pair is a replica that is measured, and the one that publishes for it.
type pair struct{ follower, leader running }

func init() {
	open := openDurable
	openDurable = func(ctx context.Context, cfg service.Config) (running, error) {
		if *bucketURL == "" {
			return open(ctx, cfg)
		}
		sum := fnv.New64a()
		sum.Write([]byte(cfg.Dir))
		name := fmt.Sprintf("replicas_%x", sum.Sum64())
		db, err := postgres.New(postgresPool, postgres.Config{Schema: name})
		if err != nil {
			return nil, err
		}
		client := s3.New(s3.Options{
			Region: "us-east-1", BaseEndpoint: bucketURL, UsePathStyle: true,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "test-access-key", SecretAccessKey: "test-secret-key"}, nil
			}),
		})
		cfg.Store, cfg.Replicas = nil, db
		finishPause = time.Millisecond // who asks a replica asks the database
		if cfg.Storage, err = bucket.New(client, bucket.Config{Bucket: "test", Prefix: name}); err != nil {
			return nil, err
		}
		leader, err := service.OpenReplica(ctx, cfg)
		if err != nil || !*follows {
			return leader, err
		}
		follower, err := service.OpenReplica(ctx, cfg)
		return pair{follower, leader}, err
	}
}

// Handler is that of the one that follows.
func (p pair) Handler() http.Handler { return p.follower.Handler() }

func (p pair) Close(ctx context.Context) error {
	return errors.Join(p.follower.Close(ctx), p.leader.Close(ctx))
}
