//! The first process of a machine in the lab.

fn main() {
    if std::process::id() != 1 {
        eprintln!(
            "vss-lab-init runs as the first process of a machine in the lab, and nowhere else"
        );
        std::process::exit(2);
    }
    vss_lab::boot::run();
}
