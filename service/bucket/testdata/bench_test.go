package service_test

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
	"example.org/rstuf/service/postgres"
)

// This file is one of package service's, beside that of service/postgres, while
// .ci/interop-postgres measures.

var bucketURL = flag.String("bucket", "", "address of the bucket for a replica to be measured on, at an S3 server of service/bucket/servertest")

func init() {
	open := openDurable
	openDurable = func(ctx context.Context, cfg service.Config) (running, error) {
		if *bucketURL == "" {
			return open(ctx, cfg)
		}
		pool, err := postgresPool()
		if err != nil {
			return nil, err
		}
		sum := fnv.New64a()
		sum.Write([]byte(cfg.Dir))
		name := fmt.Sprintf("replicas_%x", sum.Sum64())
		db, err := postgres.New(pool, postgres.Config{Schema: name})
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
		return service.OpenReplica(ctx, cfg)
	}
}
