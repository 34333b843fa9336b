// Reads every document below DIR/ours with tuf-js, compares the bytes that
// signatures cover, resolves the repositories of our own with its updater, and
// writes everything again to DIR/tuf-js. Then makes a repository of its own in
// DIR/tuf-js-made.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable } = require('node:stream');
const models = require('@tufjs/models');
const { Delegations } = require('@tufjs/models/dist/delegations');
const { SuccinctRoles } = require('@tufjs/models/dist/role');
const { Metadata } = models;
const { canonicalize } = require('@tufjs/canonical-json');
const { BaseFetcher, Updater } = require('tuf-js');
const { DownloadHTTPError } = require('tuf-js/dist/error');

const artifacts = ['dev/\u00fc 1.bin', 'dev/a"b\\c', 'dev/deep/er', 'hash/x', 'hash/y'];

function roundTrips(ours, out) {
  let count = 0;
  for (const set of fs.readdirSync(ours)) {
    for (const name of fs.readdirSync(path.join(ours, set)).filter((n) => n.endsWith('.json'))) {
      const file = path.join(ours, set, name);
      const data = JSON.parse(fs.readFileSync(file, 'utf8'));
      const document = Metadata.fromJSON(data.signed._type, data);
      const want = fs.readFileSync(file.replace(/\.json$/, '.canonical'), 'utf8');
      assert.strictEqual(canonicalize(document.signed.toJSON()), want, file);
      fs.mkdirSync(path.join(out, set), { recursive: true });
      fs.writeFileSync(path.join(out, set, name), JSON.stringify(document.toJSON(), null, count % 2));
      count++;
    }
  }
  assert.ok(count > 0);
  console.log(`tuf-js: ${count} documents have the signed bytes that we say`);
}

// Serves http://repository/FILE from a folder.
class FolderFetcher extends BaseFetcher {
  constructor(folder) {
    super();
    this.folder = folder;
  }

  async fetch(url) {
    const name = decodeURIComponent(new URL(url).pathname.split('/').pop());
    const file = path.join(this.folder, name);
    if (!fs.existsSync(file)) {
      throw new DownloadHTTPError(name, 404);
    }
    return Readable.from([fs.readFileSync(file)]);
  }
}

async function updates(folder) {
  const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'tuf-js-'));
  try {
    fs.copyFileSync(path.join(folder, '1.root.json'), path.join(cache, 'root.json'));
    const updater = new Updater({
      metadataDir: cache,
      metadataBaseUrl: 'http://repository',
      fetcher: new FolderFetcher(folder),
    });
    await updater.refresh();
    for (const name of artifacts) {
      const info = await updater.getTargetInfo(name);
      assert.ok(info, name);
      assert.strictEqual(info.hashes.sha256, crypto.createHash('sha256').update(name).digest('hex'));
    }
    assert.strictEqual(await updater.getTargetInfo('none/such'), undefined);
    console.log(`tuf-js: the updater resolves all artifacts of ${path.basename(folder)}`);
  } finally {
    fs.rmSync(cache, { recursive: true });
  }
}

function make(out) {
  fs.mkdirSync(out);
  const expires = new Date(Date.now() + 365 * 86400e3).toISOString().replace(/\.\d+Z$/, 'Z');
  const keyPair = (type, options) => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync(type, options);
    const description = type === 'ed25519'
      ? { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex') } }
      : { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: publicKey.export({ format: 'pem', type: 'spki' }) } };
    const keyID = crypto.createHash('sha256').update(canonicalize(description)).digest('hex');
    const digest = type === 'ed25519' ? undefined : 'sha256';
    const sign = (data) => new models.Signature({ keyID, sig: crypto.sign(digest, data, privateKey).toString('hex') });
    return { keyID, key: models.Key.fromJSON(keyID, description), sign };
  };
  const [alice, online] = [keyPair('ed25519'), keyPair('ec', { namedCurve: 'P-256' })];
  const write = (name, signed, ...signers) => {
    const document = new Metadata(signed);
    for (const signer of signers) {
      document.sign((data) => signer.sign(data));
    }
    const data = JSON.stringify(document.toJSON(), null, 1);
    fs.writeFileSync(path.join(out, name), data);
    return new models.MetaFile({
      version: signed.version, length: Buffer.byteLength(data),
      hashes: { sha256: crypto.createHash('sha256').update(data).digest('hex') },
    });
  };
  const root = new models.Root({ version: 1, specVersion: '1.0.0', expires, consistentSnapshot: true });
  root.addKey(alice.key, 'root');
  for (const role of ['timestamp', 'snapshot', 'targets']) {
    root.addKey(online.key, role);
  }
  write('1.root.json', root, alice);
  const bins = new SuccinctRoles({ keyIDs: [online.keyID], threshold: 1, bitLength: 3, namePrefix: 'bin' });
  const targets = new models.Targets({
    version: 2, specVersion: '1.0.0', expires, targets: {},
    delegations: new Delegations({ keys: { [online.keyID]: online.key }, succinctRoles: bins }),
  });
  const meta = { 'targets.json': write('2.targets.json', targets, online) };
  const made = Object.fromEntries([...bins.getRoles()].map((name) => [name, new models.Targets({ version: 1, specVersion: '1.0.0', expires, targets: {} })]));
  const paths = [...Array(50).keys()].map((i) => `\u00fc/${i}`);
  for (const name of paths) {
    const hashes = { sha256: crypto.createHash('sha256').update(name).digest('hex') };
    made[bins.getRoleForTarget(name)].addTarget(new models.TargetFile({ path: name, length: Buffer.byteLength(name), hashes }));
  }
  for (const [name, content] of Object.entries(made)) {
    meta[`${name}.json`] = write(`1.${name}.json`, content, online);
  }
  const snapshot = write('4.snapshot.json', new models.Snapshot({ version: 4, specVersion: '1.0.0', expires, meta }), online);
  write('timestamp.json', new models.Timestamp({ version: 5, specVersion: '1.0.0', expires, snapshotMeta: snapshot }), online);
  fs.writeFileSync(path.join(out, 'artifacts.txt'), paths.join('\n'));
}

async function main(base) {
  roundTrips(path.join(base, 'ours'), path.join(base, 'tuf-js'));
  for (const name of ['paths', 'bins']) {
    await updates(path.join(base, 'ours', name));
  }
  make(path.join(base, 'tuf-js-made'));
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
