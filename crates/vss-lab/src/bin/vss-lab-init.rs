//! The first process of a machine in the lab; outside, the guard beside it.

fn main() {
    if std::process::id() != 1 {
        if vss_lab::guard::run(std::env::args_os().skip(1)) {
            return;
        }
        eprintln!(
            "vss-lab-init runs as the first process of a machine in the lab, and nowhere else"
        );
        std::process::exit(2);
    }
    vss_lab::boot::run();
}
