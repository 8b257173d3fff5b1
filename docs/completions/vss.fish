# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_vss_global_optspecs
    string join \n connect= state= tls-ca= tls-cert= tls-key= json h/help V/version
end

function __fish_vss_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_vss_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_vss_using_subcommand
    set -l cmd (__fish_vss_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c vss -n "__fish_vss_needs_command" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_needs_command" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_needs_command" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_needs_command" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_needs_command" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_needs_command" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_needs_command" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_needs_command" -s V -l version -d 'Print version'
complete -c vss -n "__fish_vss_needs_command" -f -a "demo" -d 'Show the whole way on two disks made for it: copy, break, and back in the originals\' place'
complete -c vss -n "__fish_vss_needs_command" -f -a "lun" -d 'Manage the LUNs of the embedded array'
complete -c vss -n "__fish_vss_needs_command" -f -a "create" -d 'Copy volumes, all at one instant, as one shadow copy set'
complete -c vss -n "__fish_vss_needs_command" -f -a "list" -d 'List the shadow copy sets'
complete -c vss -n "__fish_vss_needs_command" -f -a "show" -d 'Show a set, a copy or an operation'
complete -c vss -n "__fish_vss_needs_command" -f -a "break" -d 'Break a set: its copies become ordinary disks'
complete -c vss -n "__fish_vss_needs_command" -f -a "delete" -d 'Delete a set or a single copy, with its storage'
complete -c vss -n "__fish_vss_needs_command" -f -a "identity" -d 'Look at who disks are'
complete -c vss -n "__fish_vss_needs_command" -f -a "undo" -d 'Put back the identities that an operation changed'
complete -c vss -n "__fish_vss_needs_command" -f -a "history" -d 'List finished operations, newest first'
complete -c vss -n "__fish_vss_needs_command" -f -a "status" -d 'Show where the service is and how it is: providers, running operations, last errors'
complete -c vss -n "__fish_vss_needs_command" -f -a "watch" -d 'Show running operations live'
complete -c vss -n "__fish_vss_needs_command" -f -a "wait" -d 'Wait for the end of an operation, and show it'
complete -c vss -n "__fish_vss_needs_command" -f -a "cancel" -d 'Ask for a running operation to be given up'
complete -c vss -n "__fish_vss_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c vss -n "__fish_vss_needs_command" -f -a "man" -d 'Print the manual page vss(1), or write those of all commands'
complete -c vss -n "__fish_vss_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c vss -n "__fish_vss_using_subcommand demo" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand demo" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand demo" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand demo" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand demo" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand demo" -l keep -d 'Leave the folder with disks and state, to look at'
complete -c vss -n "__fish_vss_using_subcommand demo" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand demo" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "create" -d 'Make an empty LUN'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "adopt" -d 'Make a LUN of an image file'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "list" -d 'List the LUNs'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "show" -d 'Show a LUN and the identity of its disk'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "mask" -d 'Withdraw LUNs from this host'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "unmask" -d 'Show LUNs to this host'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "attach" -d 'Attach LUNs as loop devices, with their partitions; their copies will be too'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "detach" -d 'Take the loop devices of LUNs away; they stay visible as their images'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "delete" -d 'Delete LUNs and their images; of adopted files that stayed in their place only the link'
complete -c vss -n "__fish_vss_using_subcommand lun; and not __fish_seen_subcommand_from create adopt list show mask unmask attach detach delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l size -d 'Its size in binary units, as 512M, 1G or 10GiB; a plain number is bytes' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l sector-size -d 'Its logical sector size, 512 or 4096' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l masked -d 'Do not show it to this host'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l sector-size -d 'Its logical sector size, 512 or 4096 [default: where a GPT stands, else 512]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l move -d 'Move the file into the array'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l link -d 'Leave the file where it is, with a link to it in the array (default)'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l masked -d 'Do not show it to this host'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from adopt" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from list" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from list" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from list" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from list" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from list" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from show" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from show" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from show" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from show" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from show" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from mask" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from mask" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from mask" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from mask" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from mask" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from mask" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from mask" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from unmask" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from unmask" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from unmask" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from unmask" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from unmask" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from unmask" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from unmask" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from attach" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from attach" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from attach" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from attach" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from attach" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from attach" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from attach" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from detach" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from detach" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from detach" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from detach" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from detach" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from detach" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from detach" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from delete" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from delete" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from delete" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from delete" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from delete" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from delete" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "create" -d 'Make an empty LUN'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "adopt" -d 'Make a LUN of an image file'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the LUNs'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a LUN and the identity of its disk'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "mask" -d 'Withdraw LUNs from this host'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "unmask" -d 'Show LUNs to this host'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "attach" -d 'Attach LUNs as loop devices, with their partitions; their copies will be too'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "detach" -d 'Take the loop devices of LUNs away; they stay visible as their images'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete LUNs and their images; of adopted files that stayed in their place only the link'
complete -c vss -n "__fish_vss_using_subcommand lun; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c vss -n "__fish_vss_using_subcommand create" -l provider -d 'Have this provider take the copies, by name or id, instead of the first that can (vss status lists them)' -r
complete -c vss -n "__fish_vss_using_subcommand create" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand create" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand create" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand create" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand create" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand create" -l allow-torn -d 'Also take copies while something writes; the set is then called torn'
complete -c vss -n "__fish_vss_using_subcommand create" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand create" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand list" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand list" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand list" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand list" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand list" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand list" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand list" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand show" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand show" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand show" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand show" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand show" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand show" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand show" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand break" -l revert-identity -d 'Whether the disks get their originals\' identity back: each where it is free (auto), all or the break fails (all, 0x4), or none (none, 0x8)' -r -f -a "auto\t'Each disk for which it is free'
all\t'All disks, or the break fails'
none\t'No disk'"
complete -c vss -n "__fish_vss_using_subcommand break" -l flags -d 'The break flags as a number, passed on as they are' -r
complete -c vss -n "__fish_vss_using_subcommand break" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand break" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand break" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand break" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand break" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand break" -l mask -d 'Withdraw the disks from this host (0x1)'
complete -c vss -n "__fish_vss_using_subcommand break" -l read-write -d 'Make the disks writable (0x2)'
complete -c vss -n "__fish_vss_using_subcommand break" -l dry-run -d 'Show what would be done, byte for byte, and do nothing'
complete -c vss -n "__fish_vss_using_subcommand break" -l no-wait -d 'Do not wait for the end: vss watch, vss wait and vss cancel take the operation\'s id'
complete -c vss -n "__fish_vss_using_subcommand break" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand break" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vss -n "__fish_vss_using_subcommand delete" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand delete" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand delete" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand delete" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand delete" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand delete" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand delete" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Show partition table, identifiers and attributes of disks'
complete -c vss -n "__fish_vss_using_subcommand identity; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from show" -l sector-size -d 'Logical sector size [default: what the device says, or where a GPT stands]' -r
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from show" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from show" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from show" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from show" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from show" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show partition table, identifiers and attributes of disks'
complete -c vss -n "__fish_vss_using_subcommand identity; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c vss -n "__fish_vss_using_subcommand undo" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand undo" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand undo" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand undo" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand undo" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand undo" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand undo" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand history" -l limit -d 'How many to list' -r
complete -c vss -n "__fish_vss_using_subcommand history" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand history" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand history" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand history" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand history" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand history" -l refused -d 'List calls that were refused for want of backup privilege instead'
complete -c vss -n "__fish_vss_using_subcommand history" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand history" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand status" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand status" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand status" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand status" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand status" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand status" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand status" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand watch" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand watch" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand watch" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand watch" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand watch" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand watch" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand watch" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand wait" -l timeout -d 'Wait no longer than that' -r
complete -c vss -n "__fish_vss_using_subcommand wait" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand wait" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand wait" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand wait" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand wait" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand wait" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand wait" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand cancel" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand cancel" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand cancel" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand cancel" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand cancel" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand cancel" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand cancel" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand completions" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand completions" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand completions" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand completions" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand completions" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand completions" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vss -n "__fish_vss_using_subcommand man" -l dir -d 'Write the pages of vss and of every command into this folder' -r -F
complete -c vss -n "__fish_vss_using_subcommand man" -l connect -d 'Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting loopback.file names, or https://HOST:PORT with certificates on both sides [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock if a daemon listens on it; else no daemon is needed]' -r
complete -c vss -n "__fish_vss_using_subcommand man" -l state -d 'Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE, else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]' -r -F
complete -c vss -n "__fish_vss_using_subcommand man" -l tls-ca -d 'Certificates of the authorities that may vouch for an https daemon, as PEM [default: $VSS_TLS_CA]' -r -F
complete -c vss -n "__fish_vss_using_subcommand man" -l tls-cert -d 'Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]' -r -F
complete -c vss -n "__fish_vss_using_subcommand man" -l tls-key -d 'The key of our certificate, as PEM [default: $VSS_TLS_KEY]' -r -F
complete -c vss -n "__fish_vss_using_subcommand man" -l json -d 'Print one JSON object instead of text, vss watch one on each line; errors are one JSON object on stderr'
complete -c vss -n "__fish_vss_using_subcommand man" -s h -l help -d 'Print help'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "demo" -d 'Show the whole way on two disks made for it: copy, break, and back in the originals\' place'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "lun" -d 'Manage the LUNs of the embedded array'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "create" -d 'Copy volumes, all at one instant, as one shadow copy set'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "list" -d 'List the shadow copy sets'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "show" -d 'Show a set, a copy or an operation'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "break" -d 'Break a set: its copies become ordinary disks'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "delete" -d 'Delete a set or a single copy, with its storage'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "identity" -d 'Look at who disks are'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "undo" -d 'Put back the identities that an operation changed'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "history" -d 'List finished operations, newest first'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "status" -d 'Show where the service is and how it is: providers, running operations, last errors'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "watch" -d 'Show running operations live'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "wait" -d 'Wait for the end of an operation, and show it'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "cancel" -d 'Ask for a running operation to be given up'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "man" -d 'Print the manual page vss(1), or write those of all commands'
complete -c vss -n "__fish_vss_using_subcommand help; and not __fish_seen_subcommand_from demo lun create list show break delete identity undo history status watch wait cancel completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "create" -d 'Make an empty LUN'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "adopt" -d 'Make a LUN of an image file'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "list" -d 'List the LUNs'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "show" -d 'Show a LUN and the identity of its disk'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "mask" -d 'Withdraw LUNs from this host'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "unmask" -d 'Show LUNs to this host'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "attach" -d 'Attach LUNs as loop devices, with their partitions; their copies will be too'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "detach" -d 'Take the loop devices of LUNs away; they stay visible as their images'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from lun" -f -a "delete" -d 'Delete LUNs and their images; of adopted files that stayed in their place only the link'
complete -c vss -n "__fish_vss_using_subcommand help; and __fish_seen_subcommand_from identity" -f -a "show" -d 'Show partition table, identifiers and attributes of disks'
