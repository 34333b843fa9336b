// Command s3server runs package gateway as a program, for tests of other programs:
// it makes a bucket, prints its address and serves until it is told to stop.
//
//	go run ./s3server -dir DIR -bucket NAME [-listen ADDRESS]
//
// The account is that of package gateway. Each object is a file under DIR/objects.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.org/rstuf/service/bucket/servertest/gateway"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "s3server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("dir", "", "the folder of the files")
	bucket := flag.String("bucket", "test", "the bucket to make")
	listen := flag.String("listen", "", "address for the gateway itself, for measurements: no one keeps a reader of an object from its writer there")
	flag.Parse()
	g, address, err := start(*dir, *listen)
	if err != nil {
		return err
	}
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &address, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: gateway.AccessKey, SecretAccessKey: gateway.SecretKey}, nil
		}),
	})
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		return err
	}
	fmt.Println(address)
	<-ctx.Done()
	return g.Close()
}

func start(dir, listen string) (g *gateway.Gateway, address string, err error) {
	if listen != "" {
		g, err = gateway.StartPlain(dir, listen)
		return g, "http://" + listen, err
	}
	if g, err = gateway.Start(dir); err != nil {
		return nil, "", err
	}
	return g, httptest.NewServer(g).URL, nil
}
