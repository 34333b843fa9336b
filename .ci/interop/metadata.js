// Reads every document below DIR/ours with tuf-js, compares the bytes that
// signatures cover, resolves the repositories of our own with its updater, and
// writes everything again to DIR/tuf-js.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable } = require('node:stream');
const { Metadata } = require('@tufjs/models');
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

async function main(base) {
  roundTrips(path.join(base, 'ours'), path.join(base, 'tuf-js'));
  for (const name of ['paths', 'bins']) {
    await updates(path.join(base, 'ours', name));
  }
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
