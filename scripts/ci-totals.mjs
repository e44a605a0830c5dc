import { readFileSync } from 'node:fs'

// ci-totals <number of failed steps> <report of vitest>...: the sums, in one line; exit code 1 when anything failed.

const [failed_steps = '0', ...files] = process.argv.slice(2)
let passed = 0
let failed = 0
for (const file of files) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    passed += report.numPassedTests
    // A file that cannot even be loaded has no test that could fail.
    const broken = report.testResults.filter((one) => one.status === 'failed' && one.assertionResults.length === 0)
    failed += report.numFailedTests + broken.length
  } catch {
    failed += 1
  }
}
if (failed === 0) failed = Number(failed_steps)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
