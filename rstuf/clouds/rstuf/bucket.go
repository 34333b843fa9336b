package main

import (
	"context"
	"errors"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
)

// openBucket opens s3://NAME/PREFIX. Region, credentials and endpoint are those
// that AWS's SDK finds.
func openBucket(ctx context.Context, text string) (service.Storage, error) {
	place, err := url.Parse(text)
	if err != nil || place.Scheme != "s3" || place.Host == "" || place.String() != "s3://"+place.Host+place.Path {
		return nil, errors.New("want s3://NAME/PREFIX")
	}
	found, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(found, func(o *s3.Options) {
		// Stores other than AWS's seldom have a host name for each bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
	})
	return bucket.New(client, bucket.Config{Bucket: place.Host, Prefix: place.Path})
}
