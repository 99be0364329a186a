// The command line: one verb per file, put together here. Returns the exit code.

import { Command, CommanderError } from 'commander'
import { exitCodes, renderExitCodes } from './exit-codes.ts'
import { addDoctor } from './doctor.ts'
import { addExplain } from './explain.ts'
import { addInit } from './init.ts'
import { addKey } from './key.ts'
import { addPrincipals } from './principals.ts'
import { programVersion } from './program.ts'
import { addSend } from './send.ts'
import { addStart } from './start.ts'
import { addStatus } from './status.ts'
import { addTail } from './tail.ts'
import { processTerminal } from './terminal.ts'
import { addValidate } from './validate.ts'
import type { Cli } from './verb.ts'

const usageCode = exitCodes.usage.code

function buildProgram (cli: Cli): Command {
  const program = new Command('sluice')
    .description('One policy-enforced front door to Apache Kafka.')
    .version(programVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help; every verb has its own')
    .helpCommand(false)
    .showHelpAfterError('(see --help)')
    .configureOutput({
      writeOut: (text) => { void cli.terminal.print(text.trimEnd()) },
      writeErr: (text) => { cli.terminal.tell(text.trimEnd()) }
    })
    .addHelpText('after', `\nExit codes:\n${renderExitCodes()}\n\nExample:\n  sluice start --dev`)
    .exitOverride()
  const verbs = [
    addStart, addValidate, addDoctor, addExplain, addInit, addKey, addSend, addTail, addStatus, addPrincipals
  ]
  for (const add of verbs) add(program, cli)
  return program
}

/** Runs one command line, without the program's own name. Never rejects for what an operator typed. */
export async function run (words: readonly string[]): Promise<number> {
  const cli: Cli = { terminal: processTerminal(), exitCode: exitCodes.ok.code }
  const program = buildProgram(cli)
  if (words.length === 0) {
    program.outputHelp()
    return usageCode
  }
  try {
    await program.parseAsync(words, { from: 'user' })
    return cli.exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? exitCodes.ok.code : usageCode
  }
}
