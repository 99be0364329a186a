// The package as npm would ship it: packed, installed into an empty folder, started from there; and what is in it.

import t from 'tap'
import { spawn, spawnSync } from 'node:child_process'
import type { SpawnSyncReturns } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** What a checkout needs to build the package. Built elsewhere, so that no other test meets a `dist` folder. */
const ingredients = [
  'src', 'protocols', 'plugins', 'docs', 'README.md', 'LICENSE', 'package.json', 'tsconfig.json', 'tsconfig.build.json'
]
const installTimeoutMs = 180_000

/** This process's Node first, without what tap and npm put into the environment. */
function cleanEnv (): NodeJS.ProcessEnv {
  const foreign = /^(npm_package_|npm_lifecycle_|NODE_OPTIONS$|TAP)/
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  return { ...Object.fromEntries(kept), PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) }
}

function run (command: string, words: readonly string[], cwd: string): SpawnSyncReturns<string> {
  return spawnSync(command, words, { cwd, encoding: 'utf8', env: cleanEnv(), timeout: installTimeoutMs })
}

function build (folder: string): string {
  const checkout = join(folder, 'checkout')
  mkdirSync(checkout)
  for (const name of ingredients) cpSync(join(root, name), join(checkout, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'))
  const packed = run('npm', ['pack', '--pack-destination', folder], checkout)
  if (packed.status !== 0) throw new Error(`npm pack: ${packed.stdout}\n${packed.stderr}`)
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error(`npm pack left no tarball: ${packed.stdout}`)
  return join(folder, tarball)
}

/** A Node on this machine that is too old, undefined where there is none. */
function oldNode (): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  return folders.filter(folder => !folder.includes('node_modules')).map(folder => join(folder, 'node')).find(path => {
    if (!existsSync(path)) return false
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', env: {} })
    return Number(/^v(\d+)\./.exec(stdout)?.[1] ?? Infinity) < 24
  })
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const tarball = build(folder)
const home = join(folder, 'home')
const installed = join(home, 'node_modules', 'sluice')
mkdirSync(home)
writeFileSync(join(home, 'package.json'), '{"private":true}')
const install = run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], home)
const noWay = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED/.test(install.stderr)
const offline = noWay && process.env.CI === undefined
const skip = offline ? 'THE PACKAGE WAS NOT INSTALLED: npm reaches no registry' : false
if (offline) process.stderr.write(`${skip}\n`)

t.test('it installs into an empty folder', { skip }, async t => {
  t.equal(install.status, 0, install.stderr)
  const version = run('npx', ['--no-install', 'sluice', '--version'], home)
  t.equal(version.status, 0, version.stderr)
  const { version: wanted } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  t.equal(version.stdout.trim(), wanted)
})

t.test('start --dev stores an event, with worker and journal threads out of node_modules', {
  skip, timeout: 120_000
}, async t => {
  const program = join(home, 'node_modules', '.bin', 'sluice')
  const child = spawn(program, ['start', '--dev', '--port', '0'], { cwd: home, env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  const listening = new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      said += chunk.toString()
      const url = /curl -i (http:\S+)/.exec(said)?.[1]
      if (url !== undefined && said.includes('Read them back')) resolve(url)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.once('exit', () => reject(new Error(`it ended: ${said}`)))
  })
  const url = await listening
  t.match(said, /^ {2}sluice tail$/m, 'it names the commands of a package, not those of a checkout')
  const response = await fetch(url, { method: 'POST', body: '{"from":"a package"}', headers: { 'content-type': 'application/json' } })
  t.equal(response.status, 200)
  t.match(await response.json(), { outcome: 'written', ack: 'disk' })
  const tail = run(program, ['tail', '--json', '--no-follow'], home)
  t.match(tail.stdout, '"value":"{\\"from\\":\\"a package\\"}"')
  const ended = new Promise(resolve => { child.once('exit', resolve) })
  child.kill('SIGTERM')
  t.equal(await ended, 0, said)
})

t.test('init writes a config that finds the editor schema of the package', { skip }, async t => {
  const init = run(join(home, 'node_modules', '.bin', 'sluice'), [
    'init', '--brokers', '127.0.0.1:9092', '--topic', 'orders', '--yes'
  ], home)
  t.equal(init.status, 0, init.stderr)
  const schema = /\$schema=(\S+)/.exec(readFileSync(join(home, 'sluice.yaml'), 'utf8'))?.[1]
  t.ok(schema !== undefined && existsSync(schema.startsWith('file:') ? fileURLToPath(schema) : join(home, schema)), String(schema))
  t.equal(run(join(home, 'node_modules', '.bin', 'sluice'), ['validate'], home).status, 0)
})

t.test('an old Node is told in one line what is needed', { skip }, async t => {
  const node = oldNode()
  if (node === undefined) {
    process.stderr.write('THE OLD NODE WAS NOT TRIED: there is none on this machine\n')
    t.pass('nothing to try it with')
    return
  }
  const { status, stdout, stderr } = spawnSync(node, [join(installed, 'dist/src/main.js'), '--version'], { encoding: 'utf8', env: {} })
  t.not(status, 0)
  t.equal(stdout, '')
  t.match(stderr, /^sluice needs Node 24 or newer and found v\d+\.\d+\.\d+; .*\n$/)
})

t.test('the tarball holds what a user needs and nothing of where it was made', { skip }, async t => {
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name).slice(installed.length + 1))
    .filter(path => !path.startsWith('node_modules/'))
  for (const needed of ['package.json', 'README.md', 'LICENSE', 'docs/sluice.schema.json', 'docs/config.md', 'dist/src/main.js',
    'dist/src/worker.js', 'dist/src/journal/thread.js']) t.ok(files.includes(needed), needed)
  t.same(files.filter(path => /\.test\.|(^|\/)(test|loadtest|examples)\//.test(path)), [], 'no tests')
  t.same(files.filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts')), [], 'no sources that cannot run there')
  const traces = [root, folder, ...[homedir(), `/${userInfo().username}/`].filter(text => text.length > 6)]
  t.same(files.filter(path => {
    const text = readFileSync(join(installed, path), 'utf8')
    return traces.some(trace => text.includes(trace))
  }), [], 'no paths of this machine')
})
