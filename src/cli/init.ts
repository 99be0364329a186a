// sluice init: asks little, writes a commented config that validates, and shows the API key it made once.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { Option } from 'commander'
import type { Command } from 'commander'
import { makeApiKey } from './api-key.ts'
import { defaultConfigPath, loadText, reasonOf } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { ask } from './init-answers.ts'
import type { InitOptions } from './init-answers.ts'
import { renderConfig } from './init-config.ts'
import { mechanisms } from './init-login.ts'
import { commandLine, editorSchemaPath } from './program.ts'
import type { Cli } from './verb.ts'

export function addInit (program: Command, cli: Cli): void {
  program.command('init')
    .description('write a config; asks on a terminal for what no option says')
    .option('-o, --output <file>', 'where to write it', defaultConfigPath)
    .option('--force', 'replace a file that is there')
    .option('-y, --yes', 'ask nothing: take the default for what no option says')
    .option('--journal', 'no Kafka: keep events on this machine')
    .option('--brokers <host:port,...>', 'the Kafka brokers')
    .option('--tls', 'reach Kafka over TLS, with the authorities that this machine trusts')
    .option('--tls-ca <file>', 'reach Kafka over TLS, with the authorities in this PEM file')
    .addOption(new Option('--sasl <mechanism>', 'log in at Kafka').choices(mechanisms))
    .option('--username <name>', 'the user at Kafka')
    .option('--password-env <name>', 'the environment variable with its password, or with oauthbearer the token or client secret')
    .option('--password-file <file>', 'the file with that')
    .option('--token-url <url>', 'with oauthbearer: where clients get their tokens; without it the token itself is given')
    .option('--client-id <id>', 'the client there')
    .option('--scope <scope>', 'the scope to ask for there')
    .option('--region <region>', 'with aws-msk-iam: the region of the cluster')
    .option('--role-arn <arn>', 'the role to assume, in place of the credentials of this machine')
    .option('--profile <name>', 'the profile of the shared files of AWS to use, in their place')
    .option('--topic <name>', 'the first topic, which is the first channel as well')
    .option('--api-key', 'senders must show a key; makes the first one')
    .option('--no-api-key', 'everyone may send')
    .addHelpText('after', '\nExample:\n  sluice init\n  sluice init --yes --brokers 127.0.0.1:9092 --topic orders')
    .action((options: InitOptions) => init(options, cli))
}

async function init (options: InitOptions, cli: Cli): Promise<void> {
  const { terminal } = cli
  const { output } = options
  if (existsSync(output) && options.force !== true) {
    terminal.tell(`${output} is there already; replace it with --force, or write elsewhere with -o`)
    cli.exitCode = exitCodes.io.code
    return
  }
  const asked = await ask(options, terminal)
  if ('usage' in asked) {
    terminal.tell(asked.usage)
    cli.exitCode = exitCodes.usage.code
    return
  }
  const key = asked.wantsKey ? makeApiKey() : undefined
  const text = renderConfig({ ...asked, keyHash: key?.hash, editorSchema: editorSchemaFrom(output) })
  // Where its password is to come from need not be there yet.
  const checked = await loadText(text.replaceAll(/\$\{(env|file):[^}]*\}/g, 'later'), output, terminal.env)
  if ('exitCode' in checked) {
    terminal.tell(`these answers make no valid config:\n${checked.text}`)
    cli.exitCode = exitCodes.usage.code
    return
  }
  try {
    mkdirSync(dirname(output), { recursive: true })
    // Created only where it is not there, so that two runs cannot both win.
    writeFileSync(output, text, { flag: options.force === true ? 'w' : 'wx', mode: 0o640 })
  } catch (error) {
    terminal.tell(`cannot write ${output}: ${reasonOf(error)}`)
    cli.exitCode = exitCodes.io.code
    return
  }
  await terminal.print(`wrote ${output}`)
  if (key !== undefined) {
    await terminal.print(`\nAPI key of principal "first", shown this once (the config holds only its hash):\n  ${key.key}`)
  }
  terminal.tell(`\n${nextSteps(options, asked.sink.kind === 'kafka' ? asked.sink.sasl?.provide : undefined)}`)
}

/** Relative where the config stands close to it, as a checkout or a project has it. */
function editorSchemaFrom (output: string): string | undefined {
  const path = editorSchemaPath()
  if (!existsSync(path)) return undefined
  const way = relative(dirname(resolve(output)), path)
  return way.startsWith('../../..') ? path : way
}

function nextSteps ({ output }: InitOptions, provide: string | undefined): string {
  const named = output === defaultConfigPath ? '' : ` -c ${output}`
  const first = provide === undefined ? '' : `First provide ${provide}. `
  return `${first}Then:\n  ${commandLine(`validate${named}`)}\n  ${commandLine(`start${named}`)}`
}
