//! Recording of calls, and each kind of fault.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{panic, thread};

use uuid::Uuid;
use vss_model::{HardwareOptions, ResultCode, SetId, SnapshotAttributes, SnapshotId};
use vss_provider::fake::{
    Action, FakeProvider, FakeSoftwareProvider, Fault, Gate, ProviderDied, RecordingProvider,
};
use vss_provider::{
    CreateSnapshotSet, HardwareProvider, Method, Provider, ProviderResult, SoftwareProvider,
};

const SET: SetId = SetId::from_uuid(Uuid::from_u128(1));
const COPY: SnapshotId = SnapshotId::from_uuid(Uuid::from_u128(2));

fn begun(dir: &Path) -> FakeProvider {
    let provider = FakeProvider::new(dir).unwrap();
    let lun = provider.create_lun("db", &[7; 4096], 512).unwrap();
    let devices = [provider.device_path("db")];
    let context = SnapshotAttributes::empty();
    HardwareProvider::begin_prepare_snapshot(&provider, SET, COPY, context, &devices, &mut [lun])
        .unwrap();
    provider
}

fn prepared(dir: &Path) -> FakeProvider {
    let provider = begun(dir);
    provider.end_prepare_snapshots(SET).unwrap();
    provider.pre_commit_snapshots(SET).unwrap();
    provider
}

fn code<T>(result: ProviderResult<T>) -> ResultCode {
    result.map_or_else(|error| error.code, |_| ResultCode::S_OK)
}

/// Whether the copy of `db` has its bytes.
fn is_copied(provider: &FakeProvider) -> bool {
    provider.luns().iter().any(|lun| {
        lun.set == Some(SET) && !lun.reserved && std::fs::metadata(&lun.image).unwrap().len() > 0
    })
}

#[test]
fn calls_are_recorded_with_their_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let provider = prepared(dir.path());
    provider.commit_snapshots(SET).unwrap();
    provider.post_commit_snapshots(SET, 1).unwrap();
    let original = provider.luns()[0].information.clone();
    let copies = provider
        .get_target_luns(
            &[provider.device_path("db")],
            std::slice::from_ref(&original),
        )
        .unwrap();
    provider.locate_luns(&copies).unwrap();
    provider
        .ex()
        .unwrap()
        .on_lun_state_change(
            &copies,
            std::slice::from_ref(&original),
            HardwareOptions::DO_MASK_LUNS,
        )
        .unwrap();
    provider.presented_luns().unwrap();
    assert_eq!(
        provider.recorder().methods(),
        [
            Method::BeginPrepareSnapshot,
            Method::EndPrepareSnapshots,
            Method::PreCommitSnapshots,
            Method::CommitSnapshots,
            Method::PostCommitSnapshots,
            Method::GetTargetLuns,
            Method::LocateLuns,
            Method::OnLunStateChange,
        ]
    );
    let calls = provider.calls();
    assert!(calls.is_sorted_by(|a, b| a.sequence < b.sequence));
    assert!(calls.iter().all(
        |call| call.outcome == Some(ResultCode::S_OK) && call.thread == thread::current().id()
    ));
    assert_eq!((calls[0].set, calls[0].snapshot), (Some(SET), Some(COPY)));
    assert_eq!(calls[0].original_luns, std::slice::from_ref(&original));
    assert_eq!(calls[4].count, Some(1));
    assert_eq!(calls[7].flags, Some(HardwareOptions::DO_MASK_LUNS));
    assert_eq!(calls[7].snapshot_luns, copies);
    assert_eq!(calls[7].original_luns, [original]);
    provider.clear_calls();
    assert!(provider.calls().is_empty());
}

#[test]
fn every_hardware_method_can_be_made_to_fail() {
    let dir = tempfile::tempdir().unwrap();
    let provider = FakeProvider::new(dir.path()).unwrap();
    let none = SnapshotAttributes::empty();
    let path = dir.path();
    let mut lun = provider.create_lun("db", &[0; 512], 512).unwrap();
    type Call<'a> = Box<dyn FnMut() -> ResultCode + 'a>;
    let p = &provider;
    let mask = HardwareOptions::DO_MASK_LUNS;
    let mut copy = lun.clone();
    let calls: Vec<(Method, Call<'_>)> = vec![
        (Method::OnLoad, Box::new(|| code(p.on_load()))),
        (Method::OnUnload, Box::new(|| code(p.on_unload(true)))),
        (
            Method::AreLunsSupported,
            Box::new(|| code(p.are_luns_supported(none, &[], &mut []))),
        ),
        (
            Method::FillInLunInfo,
            Box::new(|| code(p.fill_in_lun_info(path, &mut copy))),
        ),
        (
            Method::BeginPrepareSnapshot,
            Box::new(|| {
                let luns = std::slice::from_mut(&mut lun);
                let devices = [path.to_owned()];
                code(HardwareProvider::begin_prepare_snapshot(
                    p, SET, COPY, none, &devices, luns,
                ))
            }),
        ),
        (
            Method::EndPrepareSnapshots,
            Box::new(|| code(p.end_prepare_snapshots(SET))),
        ),
        (
            Method::PreCommitSnapshots,
            Box::new(|| code(p.pre_commit_snapshots(SET))),
        ),
        (
            Method::CommitSnapshots,
            Box::new(|| code(p.commit_snapshots(SET))),
        ),
        (
            Method::PostCommitSnapshots,
            Box::new(|| code(p.post_commit_snapshots(SET, 1))),
        ),
        (
            Method::GetTargetLuns,
            Box::new(|| code(p.get_target_luns(&[], &[]))),
        ),
        (Method::LocateLuns, Box::new(|| code(p.locate_luns(&[])))),
        (
            Method::PreFinalCommitSnapshots,
            Box::new(|| code(p.pre_final_commit_snapshots(SET))),
        ),
        (
            Method::PostFinalCommitSnapshots,
            Box::new(|| code(p.post_final_commit_snapshots(SET))),
        ),
        (
            Method::OnLunStateChange,
            Box::new(|| code(p.ex().unwrap().on_lun_state_change(&[], &[], mask))),
        ),
        (
            Method::AbortSnapshots,
            Box::new(|| code(p.abort_snapshots(SET))),
        ),
        (Method::PresentedLuns, Box::new(|| code(p.presented_luns()))),
    ];
    for (method, mut call) in calls {
        for injected in [
            ResultCode::VSS_E_PROVIDER_VETO,
            ResultCode::E_FAIL,
            ResultCode::S_FALSE,
        ] {
            p.inject(Fault::next(method, Action::Code(injected)));
            assert_eq!(call(), injected, "{method}");
        }
        assert_eq!(call(), ResultCode::S_OK, "{method}");
    }
    let copy = p.luns().pop().unwrap().information;
    p.inject(Fault::next(Method::OnLunEmpty, Action::Veto));
    assert_eq!(
        code(p.on_lun_empty(path, &copy)),
        ResultCode::VSS_E_PROVIDER_VETO
    );
    assert_eq!(code(p.on_lun_empty(path, &copy)), ResultCode::S_OK);
    assert_eq!(p.recorder().pending_faults(), 0);
}

#[test]
fn a_veto_comes_before_the_effect_and_hits_one_call() {
    let dir = tempfile::tempdir().unwrap();
    let provider = prepared(dir.path());
    provider.inject(Fault::next(Method::CommitSnapshots, Action::Veto));
    assert_eq!(
        code(provider.commit_snapshots(SET)),
        ResultCode::VSS_E_PROVIDER_VETO
    );
    assert!(!is_copied(&provider));
    assert_eq!(
        provider.recorder().calls_of(Method::CommitSnapshots)[0].outcome,
        Some(ResultCode::VSS_E_PROVIDER_VETO)
    );
    provider.commit_snapshots(SET).unwrap();
    assert!(is_copied(&provider));
}

#[test]
fn the_nth_call_from_the_injection_is_hit() {
    let dir = tempfile::tempdir().unwrap();
    let provider = FakeProvider::new(dir.path()).unwrap();
    provider.on_load().unwrap();
    provider.inject(Fault {
        method: Method::OnLoad,
        nth: 3,
        action: Action::Code(ResultCode::E_UNEXPECTED),
    });
    let codes: Vec<ResultCode> = (0..4).map(|_| code(provider.on_load())).collect();
    assert_eq!(
        codes,
        [
            ResultCode::S_OK,
            ResultCode::S_OK,
            ResultCode::E_UNEXPECTED,
            ResultCode::S_OK
        ]
    );
}

#[test]
fn a_fault_after_the_effect_leaves_the_effect() {
    let dir = tempfile::tempdir().unwrap();
    let provider = prepared(dir.path());
    let late = Action::Code(ResultCode::E_FAIL).after_effect();
    provider.inject(Fault::next(Method::CommitSnapshots, late));
    assert_eq!(code(provider.commit_snapshots(SET)), ResultCode::E_FAIL);
    assert!(is_copied(&provider));
}

#[test]
fn a_hanging_call_waits_for_its_gate() {
    let dir = tempfile::tempdir().unwrap();
    let provider = prepared(dir.path());
    let gate = Gate::new();
    provider.inject(Fault::next(
        Method::CommitSnapshots,
        Action::Hang(gate.clone()),
    ));
    thread::scope(|scope| {
        let call = scope.spawn(|| provider.commit_snapshots(SET));
        gate.wait_until_entered();
        let running = &provider.recorder().calls_of(Method::CommitSnapshots)[0];
        assert_eq!(running.outcome, None);
        assert_eq!(running.thread, call.thread().id());
        assert!(!is_copied(&provider));
        // The provider is not locked meanwhile.
        provider.presented_luns().unwrap();
        gate.open();
        call.join().unwrap().unwrap();
    });
    assert!(is_copied(&provider));
}

#[test]
fn a_call_can_hang_after_its_effect() {
    let dir = tempfile::tempdir().unwrap();
    let provider = prepared(dir.path());
    let gate = Gate::new();
    let late = Action::Hang(gate.clone()).after_effect();
    provider.inject(Fault::next(Method::CommitSnapshots, late));
    thread::scope(|scope| {
        let call = scope.spawn(|| provider.commit_snapshots(SET));
        gate.wait_until_entered();
        assert!(is_copied(&provider));
        gate.open();
        call.join().unwrap().unwrap();
    });
}

#[test]
fn a_death_unwinds_and_is_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let provider = prepared(dir.path());
    provider.inject(Fault::next(Method::CommitSnapshots, Action::Die));
    let payload = panic::catch_unwind(panic::AssertUnwindSafe(|| provider.commit_snapshots(SET)))
        .unwrap_err();
    assert_eq!(
        payload.downcast_ref(),
        Some(&ProviderDied {
            method: Method::CommitSnapshots
        })
    );
    let calls = provider.recorder().calls_of(Method::CommitSnapshots);
    assert_eq!(calls[0].outcome, None);
    assert!(!is_copied(&provider));
    // What a new process finds.
    drop(provider);
    let provider = FakeProvider::new(dir.path()).unwrap();
    assert!(provider.calls().is_empty());
    provider.on_load().unwrap();
    assert_eq!(provider.luns().len(), 1);
}

#[test]
fn a_death_after_the_effect_leaves_the_copy() {
    let dir = tempfile::tempdir().unwrap();
    let provider = prepared(dir.path());
    let late = Action::Die.after_effect();
    provider.inject(Fault::next(Method::CommitSnapshots, late));
    let died = panic::catch_unwind(panic::AssertUnwindSafe(|| provider.commit_snapshots(SET)));
    assert!(died.unwrap_err().is::<ProviderDied>());
    drop(provider);
    let provider = FakeProvider::new(dir.path()).unwrap();
    provider.on_load().unwrap();
    assert!(is_copied(&provider));
}

#[test]
fn a_hook_runs_and_the_call_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Arc::new(begun(dir.path()));
    let arrived = Arc::clone(&provider);
    provider.inject(Fault::next(
        Method::EndPrepareSnapshots,
        Action::Then(Box::new(move || {
            arrived.create_lun("late", &[0; 512], 512).unwrap();
        })),
    ));
    provider.end_prepare_snapshots(SET).unwrap();
    assert!(provider.is_presented("late"));
}

#[test]
fn a_legacy_provider_has_no_ex() {
    let dir = tempfile::tempdir().unwrap();
    assert!(FakeProvider::new(dir.path()).unwrap().ex().is_some());
    assert!(
        FakeProvider::new(dir.path())
            .unwrap()
            .legacy()
            .ex()
            .is_none()
    );
}

#[test]
fn luns_outlive_the_provider_and_strays_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let provider = FakeProvider::with_seed(dir.path(), 9).unwrap();
    provider.create_blank_lun("big", 1 << 20, 4096).unwrap();
    provider.create_lun("small", &[1; 512], 512).unwrap();
    provider.mask("small").unwrap();
    let luns = provider.luns();
    assert!(provider.create_lun("big", &[], 512).is_err());
    assert!(provider.create_lun("../out", &[], 512).is_err());
    assert!(provider.create_lun("odd", &[], 100).is_err());
    drop(provider);
    let stray = dir.path().join("luns").join("99.image");
    std::fs::write(&stray, b"left by a crash").unwrap();
    let provider = FakeProvider::new(dir.path()).unwrap();
    assert_eq!(provider.luns(), luns);
    assert!(!stray.exists());
    assert!(provider.is_presented("big") && !provider.is_presented("small"));
    provider.present("small").unwrap();
    assert_eq!(
        std::fs::read(provider.device_path("small")).unwrap(),
        [1; 512]
    );
    provider.remove_lun("small").unwrap();
    assert!(provider.image_path("small").is_err());
    let other = tempfile::tempdir().unwrap();
    let other = FakeProvider::new(other.path()).unwrap();
    assert_ne!(
        other.properties().provider_id,
        provider.properties().provider_id
    );
}

#[test]
fn any_provider_can_be_wrapped() {
    let dir = tempfile::tempdir().unwrap();
    let outer = RecordingProvider::wrap(FakeProvider::new(dir.path()).unwrap());
    outer.inject(Fault::next(Method::OnLoad, Action::Veto));
    assert!(outer.on_load().is_err());
    outer.on_load().unwrap();
    assert_eq!(outer.calls().len(), 2);
    assert_eq!(outer.inner().calls().len(), 1);
    assert!(outer.inner().calls()[0].sequence > outer.calls()[1].sequence);
}

#[test]
fn a_software_provider_goes_through_its_life() {
    let provider = FakeSoftwareProvider::new(["/srv"]);
    let none = SnapshotAttributes::empty();
    assert!(provider.is_volume_supported(none, "/srv").unwrap());
    assert!(!provider.is_volume_supported(none, "/home").unwrap());
    let begin =
        |volume| SoftwareProvider::begin_prepare_snapshot(&provider, SET, COPY, none, volume);
    assert_eq!(
        code(begin("/home")),
        ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER
    );
    assert_eq!(
        code(provider.end_prepare_snapshots(SET)),
        ResultCode::VSS_E_OBJECT_NOT_FOUND
    );
    begin("/srv").unwrap();
    provider.abort_snapshots(SET).unwrap();
    assert!(provider.inner().copies().is_empty());
    begin("/srv").unwrap();
    provider.end_prepare_snapshots(SET).unwrap();
    provider.pre_commit_snapshots(SET).unwrap();
    assert!(provider.snapshot_device(COPY).is_err());
    let reached = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&reached);
    provider.inject(Fault::next(
        Method::CommitSnapshots,
        Action::Then(Box::new(move || flag.store(true, Ordering::Relaxed))),
    ));
    provider.commit_snapshots(SET).unwrap();
    assert!(reached.load(Ordering::Relaxed));
    provider.post_commit_snapshots(SET, 1).unwrap();
    provider.pre_final_commit_snapshots(SET).unwrap();
    provider.post_final_commit_snapshots(SET).unwrap();
    assert_eq!(
        provider.snapshot_device(COPY).unwrap(),
        format!("/dev/vss/{COPY}")
    );
    let calls = provider.recorder().calls_of(Method::BeginPrepareVolume);
    assert_eq!(calls[0].volume.as_deref(), Some("/home"));
    provider.inject(Fault::next(Method::DeleteSnapshots, Action::Veto));
    assert!(provider.delete_snapshot(COPY).is_err());
    provider.delete_snapshot(COPY).unwrap();
    provider.delete_snapshot(COPY).unwrap();
    assert!(provider.snapshot_device(COPY).is_err());
}
