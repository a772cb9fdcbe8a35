import { mkdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  digestOf,
  imageInfoPath,
  imagePath,
  imagesFolder,
  isImageReady,
  setupCommand,
  verifyImage,
} from '../../workshop/images/image.ts';
import { dataDirectory } from '../../workshop/paths.ts';
import { openWorkspace } from './workspace.ts';

let workspace: ReturnType<typeof openWorkspace>;
const homeBefore = process.env['BOXWRIGHT_HOME'];

beforeEach(async () => {
  workspace = openWorkspace();
  process.env['BOXWRIGHT_HOME'] = workspace.path;
  mkdirSync(imagesFolder());
  writeFileSync(imagePath('busybox'), 'content');
  writeFileSync(
    imageInfoPath('busybox'),
    JSON.stringify({
      name: 'busybox',
      digest: await digestOf(imagePath('busybox')),
      bytes: 7,
      architecture: 'amd64',
      source: { package: 'busybox-static', version: '1' },
    }),
  );
});

afterEach(() => {
  workspace.remove();
  if (homeBefore === undefined) delete process.env['BOXWRIGHT_HOME'];
  else process.env['BOXWRIGHT_HOME'] = homeBefore;
});

test('images are kept where BOXWRIGHT_HOME says, by default in /var/lib/boxwright', () => {
  expect(imagePath('debian')).toBe(`${workspace.path}/images/debian.tar`);
  delete process.env['BOXWRIGHT_HOME'];
  expect(dataDirectory()).toBe('/var/lib/boxwright');
  expect(imagePath('busybox')).toBe('/var/lib/boxwright/images/busybox.tar');
});

test('an image with its note is ready and intact', async () => {
  expect(isImageReady('busybox')).toBe(true);
  expect((await verifyImage('busybox')).digest).toBe(
    // printf content | sha256sum
    'sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73',
  );
  expect(isImageReady('debian')).toBe(false);
});

test('an image that is missing, cut, or without its note is not ready', async () => {
  truncateSync(imagePath('busybox'), 6);
  expect(isImageReady('busybox')).toBe(false);
  await expect(verifyImage('busybox')).rejects.toThrow(
    'the image busybox is missing or incomplete: build it with npm run setup',
  );
  writeFileSync(imagePath('busybox'), 'content');
  expect(isImageReady('busybox')).toBe(true);
  writeFileSync(imageInfoPath('busybox'), '{"name": "busy');
  expect(isImageReady('busybox')).toBe(false);
  writeFileSync(imageInfoPath('busybox'), 'null');
  expect(isImageReady('busybox')).toBe(false);
  rmSync(imageInfoPath('busybox'));
  expect(isImageReady('busybox')).toBe(false);
  rmSync(imagePath('busybox'));
  expect(isImageReady('busybox')).toBe(false);
});

test('a changed byte is found by verifyImage, though not by isImageReady', async () => {
  writeFileSync(imagePath('busybox'), 'contenT');
  expect(statSync(imagePath('busybox')).size).toBe(7);
  expect(isImageReady('busybox')).toBe(true);
  await expect(verifyImage('busybox')).rejects.toThrow(
    /the image busybox has changed since it was built .*: build it again with npm run setup -- --force$/,
  );
});

test('the command that builds an image', () => {
  expect(setupCommand('busybox')).toBe('npm run setup');
  expect(setupCommand('debian')).toBe('npm run setup -- --all');
  expect(setupCommand('debian', '--force')).toBe('npm run setup -- --all --force');
});
