// Proves that the command line helps: every verb has help with an example, the exit codes are listed, slips are named.

import t from 'tap'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'
import { isPassword, readHash } from '../../plugins/auth-basic/password-hash.ts'
import { looksWhole } from './api-key.ts'
import { exitCodes } from './exit-codes.ts'

t.test('every verb has a help with an example', async (t) => {
  const cwd = temporaryFolder(t)
  const { stdout, code } = await runCli(['--help'], { cwd })
  t.equal(code, 0)
  for (const { code: number, meaning } of Object.values(exitCodes)) t.match(stdout, new RegExp(`^ +${number} +${meaning}$`, 'm'))
  const verbs = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1] ?? '')
  t.strictSame(verbs.toSorted(), [
    'doctor', 'explain', 'init', 'key', 'principals', 'send', 'sluice', 'start', 'status', 'tail', 'validate'
  ])
  for (const words of [['doctor'], ['explain'], ['init'], ['key', 'new'], ['key', 'password'], ['send'], ['start'],
    ['tail'], ['validate'], ['status'], ['principals', 'list'], ['principals', 'disable'], ['principals', 'enable']]) {
    const help = await runCli([...words, '--help'], { cwd })
    t.equal(help.code, 0)
    t.match(help.stdout, `Example:\n  sluice ${words.join(' ')}`)
  }
})

t.test('the version is that of the package', async (t) => {
  const { stdout, code } = await runCli(['--version'], { cwd: temporaryFolder(t) })
  t.equal(code, 0)
  t.match(stdout, /^\d+\.\d+\.\d+\S*\n$/)
})

t.test('a command line that is not understood ends with 2', async (t) => {
  const cwd = temporaryFolder(t)
  for (const words of [[], ['strat'], ['start', '--dve'], ['tail', '-n', 'x'], ['start', '--dev', '--port', '70000'],
    ['start', '--port', '1'], ['start', '--dev', '-c', 'x'], ['send'], ['validate', 'extra']]) {
    const ran = await runCli(words, { cwd })
    t.equal(ran.code, 2, words.join(' '))
    t.not(ran.stdout + ran.stderr, '')
  }
  t.match((await runCli(['strat'], { cwd })).stderr, 'Did you mean start?')
})

t.test('key new prints a whole key and its hash, each time another one', async (t) => {
  const cwd = temporaryFolder(t)
  const [one, other] = await Promise.all([runCli(['key', 'new', '--json'], { cwd }), runCli(['key', 'new'], { cwd })])
  const { key, hash } = JSON.parse(one.stdout) as { key: string, hash: string }
  t.ok(looksWhole(key))
  t.notOk(looksWhole(key.replace(/.$/, (last) => last === '0' ? '1' : '0')))
  t.match(hash, /^sha256:[0-9a-f]{64}$/)
  t.match(other.stdout, /^key {3}sluice_\S{51}\nhash {2}sha256:[0-9a-f]{64}\n$/)
  t.notMatch(other.stdout, key)
})

t.test('key password prints a hash of the password that it reads, and refuses what nobody could send', async (t) => {
  const cwd = temporaryFolder(t)
  const [ran, ...wrong] = await Promise.all([
    runCli(['key', 'password'], { cwd, stdin: 'c\u00e4nary 7\nmore\n' }),
    ...['', '\n', 'a\u0000b\n', 'x'.repeat(2_000)].map((stdin) => runCli(['key', 'password'], { cwd, stdin }))
  ])
  t.equal(ran.code, 0)
  t.match(ran.stdout, /^\$scrypt\$\S+\n$/)
  t.notMatch(ran.stdout + ran.stderr, 'nary')
  t.ok(await isPassword(readHash(ran.stdout.trim()), 'c\u00e4nary 7'))
  for (const { code, stdout } of wrong) t.same([code, stdout], [2, ''])
})
