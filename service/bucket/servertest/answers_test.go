package servertest

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/metadata"
	"example.org/rstuf/service/bucket"
	"example.org/rstuf/service/bucket/servertest/gateway"
)

// A list goes on after the first thousand, and leaves out what is beside the
// prefix and below it.
func TestListOfManyPages(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	storage := s.storage(bucket.Config{Prefix: "tuf"})
	const count = 1003
	for i := range count {
		require.NoError(t, storage.Create(t.Context(), fmt.Sprintf("1.bins-%d.json", i), []byte("{}")))
	}
	for _, beside := range []string{"tuf2/1.root.json", "1.root.json", "tuf/below/1.root.json"} {
		_, err := s.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.bucket, Key: aws.String(beside)})
		require.NoError(t, err)
	}
	names, err := storage.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, names, count)
	for _, name := range names {
		assert.Regexp(t, `^1\.bins-\d+\.json$`, name)
	}
}

func TestLargestFile(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	storage := s.storage(bucket.Config{})
	data := make([]byte, metadata.MaxSize)
	require.NoError(t, storage.Create(t.Context(), "1.targets.json", data))
	got, err := storage.Read(t.Context(), "1.targets.json")
	require.NoError(t, err)
	assert.True(t, string(got) == string(data))

	require.NoError(t, storage.Create(t.Context(), "2.targets.json", append(data, 0)))
	_, err = storage.Read(t.Context(), "2.targets.json")
	assert.ErrorContains(t, err, "get 2.targets.json: it is larger than 33554432 bytes")
}

// What a wrong configuration leads to is said in one line, without secrets.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	other, err := bucket.New(s.client, bucket.Config{Bucket: "not-there", Prefix: "tuf"})
	require.NoError(t, err)
	_, err = other.Read(t.Context(), "timestamp.json")
	assert.EqualError(t, err, "bucket not-there: get tuf/timestamp.json: the store answers 404 NoSuchBucket: The specified bucket does not exist.")
	_, err = other.List(t.Context())
	assert.EqualError(t, err, "bucket not-there: list tuf/: the store answers 404 NoSuchBucket: The specified bucket does not exist.")
	assert.ErrorContains(t, other.Create(t.Context(), "1.root.json", nil), "put tuf/1.root.json: the store answers 404 NoSuchBucket")

	const wrong = "wrong-secret-key"
	stranger, err := bucket.New(s.newClient(wrong), bucket.Config{Bucket: s.bucket})
	require.NoError(t, err)
	_, err = stranger.Read(t.Context(), "timestamp.json")
	require.ErrorContains(t, err, "get timestamp.json: the store answers 403 SignatureDoesNotMatch")
	for _, secret := range []string{wrong, gateway.SecretKey, gateway.AccessKey, "\n"} {
		assert.NotContains(t, err.Error(), secret)
	}
}
