// sluice doctor: looks at Kafka as the gateway will use it, and says what is wrong and what to type.

import type { Command } from 'commander'
import { numberAt } from '../config/lookup.ts'
import type { Finding } from '../kafka/examine.ts'
import type { Settings } from '../settings.ts'
import { openConfig } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { count } from './verb.ts'
import type { Cli } from './verb.ts'

interface DoctorOptions { readonly config?: string, readonly json?: true }

export function addDoctor (program: Command, cli: Cli): void {
  program.command('doctor')
    .description('connect to Kafka as the gateway will, and say what is wrong and what to type')
    .option('-c, --config <file>', 'the config (default: sluice.yaml in this folder)')
    .option('--json', 'print each finding as one line of JSON')
    .addHelpText('after', '\nExample:\n  sluice doctor -c sluice.yaml')
    .action((options: DoctorOptions) => doctor(options, cli))
}

async function doctor (options: DoctorOptions, cli: Cli): Promise<void> {
  const { terminal } = cli
  const opened = await openConfig(options.config, terminal.env)
  if ('exitCode' in opened) {
    cli.exitCode = opened.exitCode
    return terminal.tell(opened.text)
  }
  const { settingsOf } = await import('../settings.ts')
  const findings = await examine(settingsOf(opened.origin))
  const shown = options.json === true ? (finding: Finding) => JSON.stringify(finding) : lineOf
  for (const finding of findings) await terminal.print(shown(finding))
  const errors = findings.filter(({ level }) => level === 'error')
  if (errors.length > 0) cli.exitCode = exitCodes.failure.code
  if (options.json === true) return
  const warnings = findings.filter(({ level }) => level === 'warning')
  terminal.tell(`${count(errors.length, 'error')}, ${count(warnings.length, 'warning')}`)
}

async function examine (settings: Settings): Promise<Finding[]> {
  const { kafka, limits, routes } = settings
  if (kafka === undefined) return [{ level: 'ok', text: 'sink: journal: there is no Kafka to look at' }]
  const { examineKafka } = await import('../kafka/examine.ts')
  const { topicsOf } = await import('../config/route-checks.ts')
  const known = routes.map(route => ({ route, topics: topicsOf(route) }))
  const open = known.filter(({ topics }) => topics.length === 0).map(({ route }): Finding => ({
    level: 'warning', text: `route ${route.name}: its topics ${route.topic} are known only when events come`,
    advice: 'name the values that a parameter may have by an enum, and they are looked at'
  }))
  const findings = await examineKafka({
    kafka, requestTimeoutMs: limits.requestTimeoutMs, topics: [...new Set(known.flatMap(({ topics }) => topics))],
    eventBytesMax: numberAt(settings, 'rest', 'bodyBytesMax') ?? 0
  })
  return [...findings, ...open]
}

function lineOf ({ level, text, advice }: Finding): string {
  const line = `${level.padEnd(9)}${text}`
  return advice === undefined ? line : `${line}\n         ${advice}`
}
