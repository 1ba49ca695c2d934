{#- Prices change often, families and grades seldom: the spans between two changes of
    these are few, so every product can be compared with its whole family. -#}
with

products as (

    select * from {{ ref('int_products') }}

),

compared as (

    select
        product_key,
        product_family,
        grade,
        begins_at,
        coalesce(ends_at, cast('9999-12-31' as timestamp)) as holds_to,
        lag(product_family) over (partition by product_key order by begins_at)
            as former_family,
        lag(grade) over (partition by product_key order by begins_at) as former_grade,
        row_number() over (partition by product_key order by begins_at) as row_number_in_time

    from products

),

numbered as (

    select
        *,
        sum(case
            when row_number_in_time > 1
                and product_family is not distinct from former_family
                and grade is not distinct from former_grade
                then 0
            else 1
        end) over (
            partition by product_key order by begins_at
            rows between unbounded preceding and current row
        ) as span_number

    from compared

),

spans as (

    select
        product_key,
        span_number,
        product_family,
        grade,
        min(begins_at) as begins_at,
        max(holds_to) as holds_to

    from numbered
    group by product_key, span_number, product_family, grade

),

graded as (

    select * from spans
    where product_family is not null and grade is not null

),

changes as (

    select
        product_family,
        begins_at as changed_at
    from graded

    union

    select
        product_family,
        holds_to as changed_at
    from graded

),

highest as (

    select
        changes.product_family,
        changes.changed_at,
        max(graded.grade) as highest_grade

    from changes
    left join graded
        on changes.product_family = graded.product_family
        and changes.changed_at >= graded.begins_at
        and changes.changed_at < graded.holds_to
    group by changes.product_family, changes.changed_at

),

bounded as (

    select
        product_family,
        highest_grade,
        changed_at as begins_at,
        lead(changed_at) over (partition by product_family order by changed_at) as holds_to

    from highest

),

known as (

    select * from bounded
    where highest_grade is not null and holds_to is not null

)

select * from known
