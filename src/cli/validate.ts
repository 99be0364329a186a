// sluice validate: tells whether a config can be used, with every mistake at once.

import type { Command } from 'commander'
import { listAt, textAt } from '../config/lookup.ts'
import { openConfig } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { count } from './verb.ts'
import type { Cli } from './verb.ts'

interface ValidateOptions { readonly config?: string, readonly json?: true }

export function addValidate (program: Command, cli: Cli): void {
  program.command('validate')
    .description('check a config and print every mistake in it')
    .option('-c, --config <file>', 'the config (default: sluice.yaml in this folder)')
    .option('--json', 'print the result as one JSON object')
    .addHelpText('after', '\nExample:\n  sluice validate -c sluice.yaml')
    .action((options: ValidateOptions) => validate(options, cli))
}

async function validate (options: ValidateOptions, cli: Cli): Promise<void> {
  const { terminal } = cli
  const opened = await openConfig(options.config, terminal.env)
  if ('exitCode' in opened) {
    cli.exitCode = opened.exitCode
    const { path, mistakes = [], text } = opened
    if (options.json !== true) terminal.tell(text)
    else await terminal.print(JSON.stringify({ valid: false, file: path, reason: reasonFor(opened), mistakes }))
    return
  }
  cli.exitCode = exitCodes.ok.code
  const { document } = opened.origin
  const listeners = listAt(document, 'listeners').length
  const routes = listAt(document, 'routes').length
  const sink = textAt(document, 'sink')
  if (options.json === true) {
    await terminal.print(JSON.stringify({ valid: true, file: opened.path, listeners, routes, sink }))
    return
  }
  await terminal.print(`${opened.path} is valid: ${count(listeners, 'listener')}, ${count(routes, 'route')}, sink ${sink}`)
}

function reasonFor ({ mistakes, text }: { mistakes?: unknown, text: string }): string {
  return mistakes === undefined ? text : 'the config has mistakes'
}
