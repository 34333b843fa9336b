package gcp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"hash/crc32"
	"net"
	"testing"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.org/rstuf/keys"
)

const version = "projects/p/locations/global/keyRings/r/cryptoKeys/online/cryptoKeyVersions/1"

// double speaks as much of Cloud KMS's gRPC protocol as signing needs.
type double struct {
	kmspb.UnimplementedKeyManagementServiceServer
	key *ecdsa.PrivateKey
}

func (d double) GetCryptoKey(context.Context, *kmspb.GetCryptoKeyRequest) (*kmspb.CryptoKey, error) {
	return &kmspb.CryptoKey{Purpose: kmspb.CryptoKey_ASYMMETRIC_SIGN}, nil
}

func (d double) GetCryptoKeyVersion(_ context.Context, r *kmspb.GetCryptoKeyVersionRequest) (*kmspb.CryptoKeyVersion, error) {
	if r.Name != version {
		return nil, status.Error(codes.NotFound, "no such key version")
	}
	return &kmspb.CryptoKeyVersion{Name: version, Algorithm: kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256, State: kmspb.CryptoKeyVersion_ENABLED}, nil
}

func (d double) GetPublicKey(context.Context, *kmspb.GetPublicKeyRequest) (*kmspb.PublicKey, error) {
	der, err := x509.MarshalPKIXPublicKey(d.key.Public())
	if err != nil {
		return nil, err
	}
	return &kmspb.PublicKey{Pem: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), Name: version}, nil
}

func (d double) AsymmetricSign(_ context.Context, r *kmspb.AsymmetricSignRequest) (*kmspb.AsymmetricSignResponse, error) {
	sig, err := ecdsa.SignASN1(rand.Reader, d.key, r.GetDigest().GetSha256())
	if err != nil {
		return nil, err
	}
	crc := int64(crc32.Checksum(sig, crc32.MakeTable(crc32.Castagnoli)))
	return &kmspb.AsymmetricSignResponse{Signature: sig, SignatureCrc32C: wrapperspb.Int64(crc), VerifiedDigestCrc32C: true, Name: version}, nil
}

func start(t *testing.T, d double) []option.ClientOption {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	kmspb.RegisterKeyManagementServiceServer(server, d)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return []option.ClientOption{
		option.WithEndpoint(listener.Addr().String()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

func TestOpen(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	opts := start(t, double{key: key})
	opening, cancel := context.WithCancel(context.Background())
	signer, err := open(opening, "gcpkms:"+version, keys.URIConfig{Name: "online"}, opts...)
	require.NoError(t, err)
	cancel() // the signer outlives the context that it was opened under

	assert.Equal(t, "online", signer.Public().Name())
	sig, err := signer.Sign(context.Background(), []byte("message"))
	require.NoError(t, err)
	want, err := keys.FromCrypto(key.Public(), "")
	require.NoError(t, err)
	assert.NoError(t, want.Verify([]byte("message"), sig))

	_, err = open(context.Background(), "gcpkms:"+version+"0", keys.URIConfig{}, opts...)
	assert.ErrorContains(t, err, "no such key version")
}

// The import registers the scheme; what is no reference gets no further.
func TestOpenRefuses(t *testing.T) {
	for _, uri := range []string{"gcpkms:online", "gcpkms://projects/p"} {
		_, err := keys.OpenURI(context.Background(), uri, keys.URIConfig{})
		assert.ErrorContains(t, err, "gcpkms://projects/", uri)
	}
	assert.Equal(t, "gcpkms://"+version, reference("gcpkms:"+version))
	assert.Equal(t, "gcpkms://"+version, reference("gcpkms://"+version))
}
