with

referrals as (

    select * from {{ ref('stg_crm__referrals') }}
    where referred_at < {{ end_of_as_of() }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

known as (

    select
        referrals.referral_key,
        referrers.person_key as referrer_key,
        referees.person_key as referee_key,
        {{ business_date('referrals.referred_at') }} as referred_date,
        referrals.referred_at,
        case
            when referrals.converted_at < {{ end_of_as_of() }}
                then referrals.converted_at
        end as converted_at

    from referrals
    inner join person_ids as referrers
        on referrals.referrer_customer_key = referrers.customer_key
    left join person_ids as referees
        on referrals.referee_customer_key = referees.customer_key

)

select * from known
