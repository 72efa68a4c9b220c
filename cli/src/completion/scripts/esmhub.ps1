# Completions of esmhub for PowerShell. Made by `esmhub completions powershell`.
Register-ArgumentCompleter -Native -CommandName esmhub -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $program = Get-Command esmhub -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if ($null -eq $program) { return }
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object {
        if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text }
    })
    # An empty word would not reach the program in every version of PowerShell: the index says that there is one.
    $index = if ($wordToComplete -eq '') { $words.Count } else { $words.Count - 1 }
    $lines = @(& $program __complete "--index=$index" '--' @words 2>$null)
    $lines | Select-Object -Skip 1 | ForEach-Object {
        $value, $description = $_ -split "`t", 2
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
    }
}
