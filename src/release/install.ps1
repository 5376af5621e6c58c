# Installs parley for this user: picks the archive for this machine, checks it against SHA256SUMS, and
# puts the executable into a folder. Needs no administrator. For Windows PowerShell 5.1 and later.
#
#   PARLEY_BASE_URL  where the files of the release are
#   PARLEY_INSTALL   the folder to install into (default: %LOCALAPPDATA%\Programs\parley)

$ErrorActionPreference = 'Stop'

function Install-Parley {
    $base = $env:PARLEY_BASE_URL
    if (-not $base) { $base = '' }
    $base = $base.TrimEnd('/')
    if (-not $base) { throw 'Set PARLEY_BASE_URL to the address of a release, where SHA256SUMS is' }
    $folder = $env:PARLEY_INSTALL
    if (-not $folder) { $folder = Join-Path $env:LOCALAPPDATA 'Programs\parley' }

    # A 32-bit or emulated PowerShell names the machine in the second variable.
    $processor = $env:PROCESSOR_ARCHITEW6432
    if (-not $processor) { $processor = $env:PROCESSOR_ARCHITECTURE }
    switch ($processor) {
        'AMD64' { $platform = 'windows-x64' }
        'ARM64' { $platform = 'windows-arm64' }
        default { throw "There is no parley for the processor ${processor}: only for x64 and arm64" }
    }

    $work = Join-Path ([System.IO.Path]::GetTempPath()) ([System.IO.Path]::GetRandomFileName())
    New-Item -ItemType Directory -Path $work | Out-Null
    try {
        # Its progress bar makes a download many times slower.
        $ProgressPreference = 'SilentlyContinue'
        [Net.ServicePointManager]::SecurityProtocol =
            [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
        $sums = Join-Path $work 'SHA256SUMS'
        Save-File "$base/SHA256SUMS" $sums
        $line = Get-Content $sums |
            Where-Object { $_ -match "^[0-9a-f]{64}  parley-[^/\\]*-$platform\.zip$" } |
            Select-Object -First 1
        if (-not $line) { throw "This release has nothing for ${platform}: see $base/SHA256SUMS" }
        $hash, $archive = $line -split '  ', 2

        Write-Host "Downloading $archive"
        $file = Join-Path $work $archive
        Save-File "$base/$archive" $file
        $actual = (Get-FileHash -Algorithm SHA256 -Path $file).Hash.ToLowerInvariant()
        if ($actual -ne $hash) {
            throw "$archive is not what SHA256SUMS says (it has $actual, not $hash): nothing was installed"
        }
        Expand-Archive -Path $file -DestinationPath $work
        $new = Join-Path $work ($archive -replace '\.zip$', '')
        $new = Join-Path $new 'bin\parley.exe'
        $version = & $new --version
        if ($LASTEXITCODE -ne 0) {
            throw "The parley for $platform does not run on this machine: nothing was installed"
        }

        New-Item -ItemType Directory -Force -Path $folder | Out-Null
        $target = Join-Path $folder 'parley.exe'
        # Windows does not replace an executable that is running, but it lets it be renamed.
        $old = "$target.old"
        if (Test-Path $old) { Remove-Item $old -ErrorAction SilentlyContinue }
        if (Test-Path $target) { Move-Item -Force $target $old }
        Move-Item $new $target
        if (Test-Path $old) { Remove-Item $old -ErrorAction SilentlyContinue }
        Write-Host "Installed parley $version as $target"
    }
    finally {
        Remove-Item -Recurse -Force $work
    }
    Write-Hints $folder
}

function Save-File($address, $path) {
    try {
        Invoke-WebRequest -UseBasicParsing -Uri $address -OutFile $path
    }
    catch {
        throw "Could not download ${address}: $($_.Exception.Message)"
    }
}

function Write-Hints($folder) {
    $command = 'parley'
    if (($env:PATH -split ';') -notcontains $folder) {
        $command = Join-Path $folder 'parley'
        Write-Host ''
        Write-Host "$folder is not in your PATH. To call it as parley, run this once, and open a new window:"
        Write-Host "  [Environment]::SetEnvironmentVariable('Path', [Environment]::GetEnvironmentVariable('Path', 'User') + ';$folder', 'User')"
    }
    Write-Host ''
    Write-Host 'Completion with Tab, in $PROFILE:'
    Write-Host "  & '$command' completions powershell | Out-String | Invoke-Expression"
    Write-Host "First steps: $command server, and in a second window $command client"
}

Install-Parley
